public import Ballast

/// Validates, and ends a run with, a moving average of the parameters: a ← d a + (1 − d) θ (Polyak & Juditsky, 1992).
///
/// The average begins at the parameters after the first step, so that it needs no correction.
///
/// - Order: last among what acts after the update, since it averages what it is handed.
/// - State: an average for each parameter; saved with the run.
/// - Source: SIAM Journal on Control and Optimization 30 (1992).
public struct ExponentialAverage: GradientTransform, EpochCallback {
    /// The instance's name.
    public let name: String
    /// d, the weight of the average so far, in `0 ..< 1`.
    public let decay: Float

    /// Uses averages in place of the parameters.
    public var traits: Set<TechniqueTrait> { [.averagesWeights] }
    /// Sees the new values.
    public var stage: GradientStage { .applied }

    /// Creates the average.
    public init(_ decay: Float = 0.999, named name: String = "ExponentialAverage") {
        require((0..<1).contains(decay), "ExponentialAverage: the decay must be in 0..<1 but is \(decay)")
        self.name = name
        self.decay = decay
    }

    /// Takes the new values into the averages, and leaves them alone.
    public func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        let weight = context.globalStep == 0 ? 1 : 1 - decay
        for index in gradients.indices {
            context.scope.state(gradients.path(index), gradients[index].shape, initial: .zeros)
                .blend(gradients[index], weight: weight)
        }
        return gradients
    }

    /// Changes nothing.
    public func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision { .continue }

    /// The averages.
    public func variablesForValidation(in context: EpochContext) -> Variables? {
        let variables = context.variables
        return variables.mapParameters { variables["\(name)/\($0.path)"] ?? $0.value }
    }
}
