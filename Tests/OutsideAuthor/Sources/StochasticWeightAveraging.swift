public import Ballast

/// Ends a run with the mean of the parameters at the ends of its later epochs (Izmailov et al., 2018).
///
/// Training itself continues undisturbed. Running statistics of normalizations, which belong to other weights, are
/// estimated anew for the mean, by a pass over the training data after each epoch that counts.
///
/// - Order: callbacks are called from top to bottom; the last one that chooses the final variables decides.
/// - State: the mean and the number of epochs in it; saved with the run.
public struct StochasticWeightAveraging: EpochCallback {
    /// The instance's name.
    public let name: String
    /// The first epoch whose parameters count, from 0.
    public let start: Int

    /// Puts averages in the parameters' place.
    public var traits: Set<TechniqueTrait> { [.averagesWeights] }

    /// Creates the average.
    public init(from start: Int = 0, named name: String = "StochasticWeightAveraging") {
        require(start >= 0, "StochasticWeightAveraging: the first epoch must not be negative but is \(start)")
        self.name = name
        self.start = start
    }

    /// Says so if the run is over before there is anything to average.
    public func diagnostics(in context: CompositionContext) -> [Diagnostic] {
        guard let epochs = context.epochs, start >= epochs else { return [] }
        return [
            Diagnostic(
                .warning, "average-of-nothing", technique: name,
                message: "begins at epoch \(start) of a run of \(epochs)",
                reason: "the run ends with its last parameters, as without the average",
                source: "Izmailov et al., UAI 2018, arXiv 1803.05407", suggestion: "begin earlier, or train longer")
        ]
    }

    /// Takes the epoch's parameters into the mean, which the run ends with.
    public func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision {
        let mean = context.scope.snapshot("mean")
        let count = context.scope.number("count", initial: 0)
        guard epoch.epoch >= start else { return .continue }
        let old = mean.value
        let share = Float(1 / (count.value + 1))
        let new = context.variables.mapParameters { entry in
            old?[entry.path].map { $0 + (entry.value - $0) * share } ?? entry.value
        }
        mean.value = new
        count.value += 1
        return EpochDecision(finalVariables: context.refreshedStatistics(of: new))
    }
}
