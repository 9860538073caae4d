public import Ballast

/// Makes two noisy passes of a batch agree: ½ (CE₁ + CE₂) + α ½ (KL(p₁‖p₂) + KL(p₂‖p₁)) (Wu et al., 2021).
///
/// The loss of the data stays that of the first pass, CE₁; the penalty is the rest, ½ (CE₂ − CE₁) + α/2 Σ (p₁ − p₂)
/// (ln p₁ − ln p₂), the mean over the batch. Without noise in the model it is 0.
///
/// - Shape: the model's output is logits `[batch, ..., classes]`. Cost: a second pass.
/// - Order: penalties add up, so it does not matter. State: none; running statistics see the first pass alone.
/// - Source: arXiv 2106.14448, equation 4.
public struct RDrop: LossPenalty {
    /// The instance's name.
    public let name: String
    /// α; not negative.
    public let strength: Float
    /// All parameters: the output depends on each.
    public var parameters: ParameterSelector { .all }

    /// Creates the penalty; the paper's α is 0.6 to 5.
    public init(_ strength: Float = 1, named name: String = "RDrop") {
        require(strength >= 0 && strength.isFinite, "RDrop: α must not be negative but is \(strength)")
        self.name = name
        self.strength = strength
    }

    /// Returns what the objective has beside the loss of the first pass.
    public func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        let (first, second) = (context.output, context.output(of: context.batch.input, draw: 1))
        let target = context.batch.target
        let losses = context.loss(second, target) - context.loss(first, target)
        return losses * 0.5 + RDrop.divergence(first, second) * (strength / 2)
    }

    /// KL(p‖q) + KL(q‖p) of two distributions, given as logits: the mean over rows.
    public static func divergence(_ first: Tensor, _ second: Tensor) -> Tensor {
        let (p, q) = (first.logSoftmax(), second.logSoftmax())
        let rows = p.elementCount / (p.shape.last ?? 1)
        return ((p.exp() - q.exp()) * (p - q)).sum() / Float(rows)
    }
}
