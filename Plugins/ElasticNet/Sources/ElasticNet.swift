public import BallastCore

/// Adds a mixture of magnitudes and squares of the weights to the loss: λ (α Σ |w| + (1 − α)/2 Σ w²), with gradient
/// λ (α sign(w) + (1 − α) w) (Zou & Hastie, 2005).
///
/// λ and α are `alpha` and `l1_ratio` of scikit-learn's `ElasticNet`, whose data term is 1/(2n) Σ (y − ŷ)²: half the
/// mean squared error.
///
/// - Order: penalties add up, so it does not matter.
/// - State: none. Complexity: two passes over the parameters for the value; the gradient is folded into the update.
public struct ElasticNet: LossPenalty {
    /// The instance's name.
    public let name: String
    /// λ, not negative.
    public let strength: Float
    /// α, the share of the magnitudes, in `0...1`.
    public let magnitudeShare: Float
    /// The parameters it acts on.
    public let parameters: ParameterSelector

    /// Creates the penalty.
    ///
    /// - Parameters:
    ///   - strength: λ; not negative and finite.
    ///   - magnitudeShare: α, in `0...1`: 0 is L2, 1 is L1.
    ///   - selector: the parameters it acts on; the weights by default.
    ///   - name: the instance's name; two in one composition need different ones.
    public init(
        _ strength: Float, magnitudeShare: Float = 0.5, on selector: ParameterSelector = .weights,
        named name: String = "ElasticNet"
    ) {
        require(
            strength >= 0 && strength.isFinite, "ElasticNet: the strength must be in 0..<infinity but is \(strength)")
        require(
            (0...1).contains(magnitudeShare), "ElasticNet: magnitudeShare must be in 0...1 but is \(magnitudeShare)")
        self.strength = strength
        self.magnitudeShare = magnitudeShare
        self.parameters = selector
        self.name = name
    }

    /// Shrinks through the loss, by equal amounts and in proportion, depending on the mixture.
    public var traits: Set<TechniqueTrait> {
        guard strength > 0 else { return [.noEffect] }
        switch magnitudeShare {
        case 0: return [.decay, .coupled]
        case 1: return [.magnitudePenalty, .coupled]
        default: return [.decay, .magnitudePenalty, .coupled]
        }
    }

    /// Returns the penalty.
    public func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        let selected = parameters
        return selected.sumOfMagnitudes(scale: strength * magnitudeShare)
            + selected.sumOfSquares(scale: strength * (1 - magnitudeShare) / 2)
    }
}
