// snippet.whole
public import Ballast

/// Stops a run whose validation loss has risen too far above its lowest (the rule GL of Prechelt, 1998).
///
/// The generalization loss of epoch t is GL(t) = 100 (E(t) / min E − 1): by how many percent the validation loss exceeds
/// the lowest so far. The run stops when GL exceeds the threshold, and the epoch of the lowest loss is restored.
///
/// - Order: callbacks are called from top to bottom, also after one has decided to stop.
/// - State: the lowest loss and its epoch; saved with the run, as are the variables that it offers.
public struct GeneralizationLoss: EpochCallback {
    /// The instance's name.
    public let name: String
    /// By how many percent the validation loss may exceed the lowest; infinity never stops.
    public let threshold: Double
    /// Whether the variables of the epoch with the lowest loss are restored at the end.
    public let restoresBest: Bool

    // snippet.creating
    /// Creates the rule.
    ///
    /// - Parameters:
    ///   - threshold: by how many percent the validation loss may exceed the lowest; not negative.
    ///   - restoresBest: whether the variables of the epoch with the lowest loss are restored at the end.
    ///   - name: the instance's name; two in one composition need different ones.
    public init(
        _ threshold: Double = 5, restoresBest: Bool = true, named name: String = "GeneralizationLoss"
    ) {
        require(
            threshold >= 0, "GeneralizationLoss: the threshold must not be negative but is \(threshold)"
        )
        self.name = name
        self.threshold = threshold
        self.restoresBest = restoresBest
    }
    // snippet.end

    // snippet.diagnostics
    /// No effect if it neither stops nor restores.
    public var traits: Set<TechniqueTrait> { threshold.isFinite || restoresBest ? [] : [.noEffect] }

    /// Finds a run without data for validation.
    public func diagnostics(in context: CompositionContext) -> [Diagnostic] {
        guard !context.hasValidation else { return [] }
        return [
            Diagnostic(
                .error, "no-validation", technique: name,
                message: "monitors the validation loss, but the run has no validation data",
                suggestion:
                    "hand validation data to fit, for example the first part of train.split(0.1)")
        ]
    }
    // snippet.end

    // snippet.callback
    /// Compares the epoch with the best so far.
    public func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision {
        let lowest = context.scope.number("lowest", initial: .infinity)
        let bestEpoch = context.scope.number("bestEpoch", initial: -1)
        let loss = epoch.validationLoss ?? .nan
        var decision = EpochDecision.continue
        if loss < lowest.value {
            lowest.value = loss
            bestEpoch.value = Double(epoch.epoch)
            if restoresBest { decision.finalVariables = context.validatedVariables }
        }
        let rise = 100 * (loss / lowest.value - 1)
        // A NaN or infinite loss counts as an unbounded rise.
        if !(rise <= threshold), threshold != .infinity {
            decision.stopReason =
                "the validation loss is \(Float(rise)) % above its lowest (epoch \(Int(bestEpoch.value) + 1))"
        }
        return decision
    }
    // snippet.end
}
// snippet.end

/// The first version of the article.
enum FirstCallback {
    // snippet.first
    struct GeneralizationLoss: EpochCallback {
        var threshold: Double
        init(_ threshold: Double) { self.threshold = threshold }

        func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision {
            let lowest = context.scope.number("lowest", initial: .infinity)
            let loss = epoch.validationLoss ?? .nan
            lowest.value = min(loss, lowest.value)
            let rise = 100 * (loss / lowest.value - 1)
            return rise > threshold
                ? .stop("the validation loss is \(Float(rise)) % above its lowest") : .continue
        }
    }
    // snippet.end
}
