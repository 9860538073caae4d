public import Ballast

/// Adds the squared norm of the loss's gradient with respect to the input, λ mean ‖∇ₓ ℓ_i‖² (Drucker & LeCun, 1992), by
/// differences.
///
/// With d the direction of the gradient, taken as constant, ‖∇ₓ ℓ‖ is (ℓ(x + h d) − ℓ(x)) / h to first order in h, which
/// a backward pass of first order differentiates (Finlay & Oberman, 2021). Both passes have the same draw, so that noise
/// is no part of the difference.
///
/// - Shape: inputs of floats, `[batch, ...]`; logits with class targets, else values with the mean squared error.
/// - Order: penalties add up, so it does not matter. State: none. Cost: three passes.
/// - Source: arXiv 1905.11468, section 3.
public struct InputGradientPenalty: LossPenalty {
    /// The instance's name.
    public let name: String
    /// λ; not negative.
    public let strength: Float
    /// h, the length of a difference in the unit of the input; positive.
    public let step: Float
    /// All parameters: the loss depends on each.
    public var parameters: ParameterSelector { .all }

    /// Creates the penalty.
    public init(_ strength: Float = 0.01, step: Float = 0.01, named name: String = "InputGradientPenalty") {
        require(strength >= 0 && strength.isFinite, "InputGradientPenalty: λ must not be negative but is \(strength)")
        require(step > 0, "InputGradientPenalty: the step must be positive but is \(step)")
        self.name = name
        self.strength = strength
        self.step = step
    }

    /// Returns λ / batch Σ ((ℓ_i(x + h d) − ℓ_i(x)) / h)².
    public func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        let input = context.batch.input
        let gradient = context.inputGradient().flattened(from: 1)
        let direction = gradient / maximum(gradient.unitNorms(axis: 0), 1e-20)
        let moved = input + direction.reshaped(to: input.shape) * step
        let rise = losses(context.output(of: moved), context) - losses(context.output(of: input), context)
        return (rise / step).squared().mean() * strength
    }

    /// The loss of each sample.
    private func losses(_ output: Tensor, _ context: PenaltyContext) -> Tensor {
        let target = context.batch.target
        guard context.classes == nil else { return crossEntropyPerRow(output, target) }
        return (output - target).squared().flattened(from: 1).mean(axes: [1])
    }
}
