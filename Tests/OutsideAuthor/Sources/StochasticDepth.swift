public import Ballast

/// Skips branches of residual connections at random while training: y = x + b / (1 − p) F(x), b ~ Bernoulli(1 − p)
/// (Huang et al., 2016).
///
/// A skipped branch is not run: it costs nothing, and its parameters get no gradient. Evaluation runs every branch.
///
/// - Shape: a branch whose output has the shape of its input. State: none.
/// - Order: around a branch, the first listed is innermost; what is inside a skipped branch does not act.
/// - Differs from: the paper, which scales in evaluation instead.
/// - Source: arXiv 1603.09382, section 3.
public struct StochasticDepth: LayerWrapper {
    /// The instance's name.
    public let name: String
    /// p, the probability of skipping a branch, in `0 ..< 1`.
    public let probability: Float
    /// Around the branches.
    public let sites: [Site]

    /// Skips at random, unless p is 0.
    public var traits: Set<TechniqueTrait> { probability > 0 ? [.masksAtRandom] : [.noEffect] }

    /// Creates the technique.
    public init(
        _ probability: Float = 0.2, around layers: LayerSelector = "residual*.branch",
        named name: String = "StochasticDepth"
    ) {
        require((0..<1).contains(probability), "StochasticDepth: p must be in 0..<1 but is \(probability)")
        self.name = name
        self.probability = probability
        sites = [.around(layers)]
    }

    /// Returns what the branch gives, scaled, or zeros.
    public func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        guard context.phase.isNoisy, probability > 0 else { return call.next() }
        guard context.random.uniforms(1)[0] >= probability else { return .zeros(call.input.shape) }
        return call.next() * (1 / (1 - probability))
    }
}
