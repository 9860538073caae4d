public import BallastCore

/// Adds the magnitudes of the weights to the loss: λ Σ |w|, with gradient λ sign(w) and 0 at 0 (Tibshirani, 1996).
///
/// A gradient step never lands on exact zeros: weights end near zero, not at it. `ProximalL1` makes them exact.
///
/// - Order: penalties add up, so it does not matter.
/// - State: none. Complexity: one pass over the parameters for the value; the gradient is folded into the update.
public struct L1: LossPenalty {
    /// The instance's name.
    public let name: String
    /// λ, not negative.
    public let strength: Float
    /// The parameters it acts on.
    public let parameters: ParameterSelector

    /// Creates the penalty.
    ///
    /// - Parameters:
    ///   - strength: λ; not negative and finite.
    ///   - selector: the parameters it acts on; the weights by default.
    ///   - name: the instance's name; two in one composition need different ones.
    public init(_ strength: Float, on selector: ParameterSelector = .weights, named name: String = "L1") {
        require(strength >= 0 && strength.isFinite, "L1: the strength must be in 0..<infinity but is \(strength)")
        self.strength = strength
        self.parameters = selector
        self.name = name
    }

    /// Shrinks by equal amounts, through the loss.
    public var traits: Set<TechniqueTrait> { strength > 0 ? [.magnitudePenalty, .coupled] : [.noEffect] }

    /// Returns the penalty.
    public func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        parameters.sumOfMagnitudes(scale: strength)
    }
}
