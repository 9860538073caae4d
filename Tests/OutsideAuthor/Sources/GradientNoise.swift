public import Ballast
internal import Foundation

/// Adds noise to the gradients that fades away: g ← g + N(0, η / (1 + t)^γ) (Neelakantan et al., 2015).
///
/// - Order: acts on gradients, before the optimizer; before clipping, which then limits it.
/// - State: none; the noise is a function of (seed, name, step, parameter).
public struct GradientNoise: GradientTransform {
    /// The instance's name.
    public let name: String
    /// η, the variance at the first step; not negative.
    public let variance: Float
    /// γ, how fast it fades; the paper's is 0.55.
    public let decay: Float
    /// The parameters whose gradients get noise.
    public let parameters: ParameterSelector

    /// Adds to the gradients, unless the variance is 0.
    public var traits: Set<TechniqueTrait> { variance > 0 ? [.addsToGradients] : [.noEffect] }

    /// Creates the noise.
    public init(
        _ variance: Float = 0.01, decay: Float = 0.55, on selector: ParameterSelector = .all,
        named name: String = "GradientNoise"
    ) {
        require(
            variance >= 0 && variance.isFinite, "GradientNoise: the variance must not be negative but is \(variance)")
        self.name = name
        self.variance = variance
        self.decay = decay
        parameters = selector
    }

    /// Returns the gradients with noise.
    public func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        guard variance > 0 else { return gradients }
        var gradients = gradients
        let deviation = variance.squareRoot() * pow(Float(1 + context.globalStep), -decay / 2)
        for index in gradients.indices {
            let stream = context.scope.random(gradients.path(index))
            gradients[index] = gradients[index] + .normal(gradients[index].shape, deviation: deviation, from: stream)
        }
        return gradients
    }
}
