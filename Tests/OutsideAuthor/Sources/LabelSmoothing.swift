public import Ballast

/// Gives every class a share of the target: t ← (1 − ε) t + ε / K (Szegedy et al., 2016).
///
/// The loss then has a floor above 0, the entropy of the target; compare validation losses, which have none.
///
/// - Shape: targets are labels `[batch]`, or probabilities `[batch, ..., K]`; they become probabilities.
/// - Order: with mixups the order does not matter, since both are linear. State: none.
/// - Source: arXiv 1512.00567, section 7.
public struct LabelSmoothing: BatchWrapper {
    /// The instance's name.
    public let name: String
    /// ε, the share that all classes have together, in `0 ..< 1`.
    public let strength: Float

    /// Edits labels, unless ε is 0.
    public var traits: Set<TechniqueTrait> { strength > 0 ? [.editsLabels, .givesProbabilities] : [.noEffect] }

    /// Creates the smoothing; 0.1 is the paper's.
    public init(_ strength: Float = 0.1, named name: String = "LabelSmoothing") {
        require((0..<1).contains(strength), "LabelSmoothing: ε must be in 0..<1 but is \(strength)")
        self.name = name
        self.strength = strength
    }

    /// Refuses a loss of values, which has no classes.
    public func diagnostics(in context: CompositionContext) -> [Diagnostic] {
        guard context.loss.target != .classes else { return [] }
        return [
            Diagnostic(
                .error, "smoothing-of-values", technique: name,
                message: "the loss \"\(context.loss.name)\" takes values, not classes",
                suggestion: "leave it out, or train with .crossEntropy")
        ]
    }

    /// Returns the batch with smoothed targets.
    public func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        guard strength > 0, let classes = context.classes else { return batch }
        var batch = batch
        batch.target = batch.probabilities(classes: classes) * (1 - strength) + strength / Float(classes)
        return batch
    }
}
