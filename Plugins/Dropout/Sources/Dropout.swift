public import BallastCore

/// Zeroes activations at random while training: y = x m / (1 − p), m ~ Bernoulli(1 − p) (Srivastava et al., 2014).
///
/// Survivors are scaled by 1 / (1 − p), so that the mean is kept and evaluation is the identity. The mask is a
/// function of (seed, name, site, step, element); p is drawn in units of 2⁻¹⁶.
///
/// - Shape: any; with ``Unit/channel`` `[batch, channels, ...]`, of which whole channels are zeroed (Tompson et al., 2015).
/// - Order: at one site, data flows through the techniques from top to bottom.
/// - State: none. Complexity: one pass, 16 random bits a unit; the gradient uses the same mask.
public struct Dropout: LayerWrapper {
    /// What is zeroed together.
    public enum Unit: String, Sendable {
        /// Each element by itself.
        case element
        /// All elements of a channel of a sample.
        case channel
    }

    /// The instance's name.
    public let name: String
    /// The probability p of zeroing, in `0 ..< 1`.
    public let probability: Float
    /// Where it acts.
    public let sites: [Site]
    /// What is zeroed together.
    public let unit: Unit

    /// Creates dropout.
    ///
    /// - Parameters:
    ///   - probability: the probability of zeroing, in `0 ..< 1`.
    ///   - site: where it acts; after every activation function by default.
    ///   - unit: whether each element is zeroed by itself (the default) or whole channels.
    ///   - name: the instance's name; two in one composition need different ones.
    public init(
        _ probability: Float = 0.5, at site: Site = .after(.activations), per unit: Unit = .element,
        named name: String = "Dropout"
    ) {
        require((0..<1).contains(probability), "Dropout: the probability must be in 0..<1 but is \(probability)")
        self.probability = probability
        self.sites = [site]
        self.unit = unit
        self.name = name
    }

    /// Zeroes at random.
    public var traits: Set<TechniqueTrait> { probability > 0 ? [.masksAtRandom] : [.noEffect] }

    /// Returns the input, zeroed at random and scaled in passes with noise, unchanged in others.
    public func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        let x = call.next()
        guard context.phase.isNoisy, probability > 0 else { return x }
        let perUnit = unit == .channel && x.rank > 2 ? x.shape.elementCount(in: 2..<x.rank) : 1
        return dropout(x, probability: probability, perUnit: perUnit, from: context.random)
    }
}
