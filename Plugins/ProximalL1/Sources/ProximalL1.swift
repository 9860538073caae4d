public import BallastCore

/// Shrinks weights toward zero after each step, and sets small ones to exactly zero:
/// w ← sign(w) max(|w| − η λ, 0) (soft threshold; Daubechies et al., 2004; Beck & Teboulle, 2009).
///
/// With plain SGD this is proximal gradient descent on loss + λ Σ |w|, whose optimum is the lasso's, exact zeros
/// included. η is the learning rate of the step.
///
/// - Order: acts on updates, after the optimizer; it sees the updates of the transforms listed before it.
/// - State: none. Complexity: folded into the pass that applies the update.
public struct ProximalL1: GradientTransform {
    /// The instance's name.
    public let name: String
    /// λ, not negative.
    public let strength: Float
    /// The parameters it acts on.
    public let parameters: ParameterSelector

    /// Creates the transform.
    ///
    /// - Parameters:
    ///   - strength: λ; not negative and finite.
    ///   - selector: the parameters it acts on; the weights by default.
    ///   - name: the instance's name; two in one composition need different ones.
    public init(_ strength: Float, on selector: ParameterSelector = .weights, named name: String = "ProximalL1") {
        require(
            strength >= 0 && strength.isFinite, "ProximalL1: the strength must be in 0..<infinity but is \(strength)")
        self.strength = strength
        parameters = selector
        self.name = name
    }

    /// Shrinks by equal amounts, separately from the optimizer's step.
    public var traits: Set<TechniqueTrait> { strength > 0 ? [.magnitudePenalty] : [.noEffect] }

    /// Acts on the updates.
    public var stage: GradientStage { .update }

    /// Returns updates that lead to the shrunk parameters.
    public func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        guard strength > 0 else { return gradients }
        var updates = gradients
        for index in updates.indices {
            updates.applySoftThreshold(index, updates.learningRate(index) * strength)
        }
        return updates
    }
}
