public import BallastCore

/// Adds half the squared weights to the loss: (λ/2) Σ w², with gradient λ w (ridge; Hoerl & Kennard, 1970).
///
/// The strength λ is what PyTorch's SGD calls `weight_decay`. In ``Convention/full`` the term is λ Σ w² and its
/// gradient 2 λ w, which is what Keras' `L2` means. Under SGD without momentum this is the same as decoupled decay;
/// under adaptive optimizers it is not (Loshchilov & Hutter, 2019).
///
/// - Order: penalties add up, so it does not matter.
/// - State: none. Complexity: one pass over the parameters for the value; the gradient is folded into the update.
public struct L2: LossPenalty {
    /// What the strength multiplies.
    public enum Convention: String, Sendable {
        /// Half the squares: gradient λ w.
        case half
        /// The squares: gradient 2 λ w.
        case full
    }

    /// The instance's name.
    public let name: String
    /// λ, not negative.
    public let strength: Float
    /// What λ multiplies.
    public let convention: Convention
    /// The parameters it acts on.
    public let parameters: ParameterSelector

    /// Creates the penalty.
    ///
    /// - Parameters:
    ///   - strength: λ; not negative and finite.
    ///   - selector: the parameters it acts on; the weights by default.
    ///   - convention: whether λ multiplies half the squares (the default) or the squares.
    ///   - name: the instance's name; two in one composition need different ones.
    public init(
        _ strength: Float, on selector: ParameterSelector = .weights, convention: Convention = .half,
        named name: String = "L2"
    ) {
        require(strength >= 0 && strength.isFinite, "L2: the strength must be in 0..<infinity but is \(strength)")
        self.strength = strength
        self.convention = convention
        self.parameters = selector
        self.name = name
    }

    /// A decay through the loss.
    public var traits: Set<TechniqueTrait> { strength > 0 ? [.decay, .coupled] : [.noEffect] }

    /// Returns the penalty.
    public func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        parameters.sumOfSquares(scale: convention == .half ? strength / 2 : strength)
    }
}
