public import Ballast

/// Adds the negative entropy of the predictions to the loss: −β H(softmax(z)), the mean over the batch (Pereyra et al., 2017).
///
/// - Shape: the model's output is logits `[batch, ..., classes]`.
/// - Order: penalties add up, so it does not matter. State: none.
public struct ConfidencePenalty: LossPenalty {
    /// The instance's name.
    public let name: String
    /// β; not negative.
    public let strength: Float
    /// All parameters: the output depends on each.
    public var parameters: ParameterSelector { .all }

    /// Creates the penalty.
    public init(_ strength: Float = 0.1, named name: String = "ConfidencePenalty") {
        require(
            strength >= 0 && strength.isFinite,
            "ConfidencePenalty: the strength must not be negative but is \(strength)")
        self.name = name
        self.strength = strength
    }

    /// Returns β Σ p log p / rows.
    public func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        let logarithms = context.output.logSoftmax()
        let rows = logarithms.elementCount / (logarithms.shape.last ?? 1)
        return (logarithms.exp() * logarithms).sum() * (strength / Float(rows))
    }
}
