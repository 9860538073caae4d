public import BallastCore

/// Shrinks weights separately from the optimizer's step: w ← w − η λ w (Loshchilov & Hutter, 2019).
///
/// With `Adam` this is AdamW. The decay is multiplied by the learning rate of the step, as in `torch.optim.AdamW`
/// and optax; with `timesLearningRate: false` it is w ← w − λ w times the schedule's factor alone, the paper's form.
///
/// - Order: acts on updates, after the optimizer; with others of that stage from top to bottom.
/// - State: none. Complexity: nothing beyond the optimizer's pass, into which it is folded.
public struct DecoupledDecay: GradientTransform {
    /// The instance's name.
    public let name: String
    /// λ, not negative.
    public let strength: Float
    /// Whether the decay is multiplied by the learning rate.
    public let isTimesLearningRate: Bool
    /// The parameters it acts on.
    public let parameters: ParameterSelector

    /// Creates the decay.
    ///
    /// - Parameters:
    ///   - strength: λ; not negative and finite.
    ///   - selector: the parameters it acts on; the weights by default, so not biases and normalizations.
    ///   - timesLearningRate: whether λ is multiplied by the learning rate (the default).
    ///   - name: the instance's name; two in one composition need different ones.
    public init(
        _ strength: Float, on selector: ParameterSelector = .weights, timesLearningRate: Bool = true,
        named name: String = "DecoupledDecay"
    ) {
        require(
            strength >= 0 && strength.isFinite,
            "DecoupledDecay: the strength must be in 0..<infinity but is \(strength)")
        self.strength = strength
        isTimesLearningRate = timesLearningRate
        parameters = selector
        self.name = name
    }

    /// A decay separate from the optimizer's step.
    public var traits: Set<TechniqueTrait> { strength > 0 ? [.decay] : [.noEffect] }

    /// Acts on the updates.
    public var stage: GradientStage { .update }

    /// Returns the updates with −η λ w added.
    public func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        var updates = gradients
        let rate = isTimesLearningRate ? context.learningRate : context.scheduleFactor
        for index in updates.indices {
            updates.addParameter(index, times: -rate * updates.learningRateScale(index) * strength)
        }
        return updates
    }
}
