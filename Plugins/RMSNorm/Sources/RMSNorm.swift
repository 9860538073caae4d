public import BallastCore

/// Divides each sample by its root mean square over trailing axes: y = x / √(mean(x²) + ε) · γ (Zhang & Sennrich, 2019).
///
/// Unlike layer normalization, it subtracts no mean and adds no bias. Training and evaluation are the same, and no
/// sample depends on another.
///
/// - Shape: any with at least one more axis than are normalized, the batch; output the same. γ has the shape of the trailing axes.
/// - Order: at one site, data flows through the techniques from top to bottom.
/// - State: at each site the parameter `weight` (γ), which `.weights` leaves out.
/// - Complexity: two passes over the data, three in the backward pass; with ε outside the root about twice that.
/// - Edge cases: a row of zeros gives zeros, with the gradient γ / √ε (or γ / ε with ε outside the root).
/// - Differs from: `torch.nn.RMSNorm`, whose ε is 1.19e-7 (that of the number type) unless given.
/// - Source: Zhang & Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019, arXiv 1910.07467; values
///   match `torch.nn.RMSNorm`.
public struct RMSNorm: LayerWrapper {
    /// Where ε is added in the formula.
    public enum EpsilonPlacement: String, Sendable {
        /// x / √(mean(x²) + ε): PyTorch, Llama and most others.
        case inside
        /// x / (√mean(x²) + ε): the code published with the paper.
        case outside
    }

    /// The instance's name.
    public let name: String
    /// Where it acts.
    public let sites: [Site]
    /// The number of axes, counted from the last, that are normalized together.
    public let trailingAxes: Int
    /// ε, which keeps the divisor from 0; positive.
    public let epsilon: Float
    /// Where ε is added in the formula.
    public let epsilonPlacement: EpsilonPlacement
    /// Whether each position along the trailing axes has a weight.
    public let isAffine: Bool

    /// Creates root mean square normalization.
    ///
    /// - Parameters:
    ///   - trailingAxes: the number of axes, counted from the last, that are normalized together; at least 1.
    ///   - sites: where it acts; before every activation function by default.
    ///   - epsilon: what keeps the divisor from 0; positive and finite.
    ///   - epsilonPlacement: whether ε is added to the mean of squares (the default) or to its root.
    ///   - affine: whether each position along the trailing axes has a weight.
    ///   - name: the instance's name; two in one composition need different ones.
    public init(
        overTrailing trailingAxes: Int = 1, at sites: Site..., epsilon: Float = 1e-6,
        epsilonPlacement: EpsilonPlacement = .inside, affine: Bool = true, named name: String = "RMSNorm"
    ) {
        require(
            (1..<Shape.maximumRank).contains(trailingAxes),
            "RMSNorm: the number of trailing axes must be in 1..<\(Shape.maximumRank) but is \(trailingAxes)")
        require(epsilon > 0 && epsilon.isFinite, "RMSNorm: epsilon must be positive and finite but is \(epsilon)")
        self.name = name
        self.sites = sites.isEmpty ? [.before(.activations)] : sites
        self.trailingAxes = trailingAxes
        self.epsilon = epsilon
        self.epsilonPlacement = epsilonPlacement
        isAffine = affine
    }

    /// Removes the scale of its input.
    public var traits: Set<TechniqueTrait> { [.normalization] }

    /// Returns the normalized input.
    public func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        let x = call.next()
        let scope = context.scope
        require(
            x.rank > trailingAxes,
            "RMSNorm: \"\(scope.path)\" normalizes over \(trailingAxes) trailing axes, and needs at least one more "
                + "before them, the batch; but its input has shape \(x.shape)")
        let positions = Shape(x.shape.suffix(trailingAxes))
        let weight = isAffine ? scope.parameter("weight", positions, initial: .ones, role: .normalization) : nil
        switch epsilonPlacement {
        case .inside:
            return normalized(
                x, .trailing(axes: trailingAxes, of: x.shape), weight: weight, bias: nil, epsilon: epsilon,
                centered: false
            ).output
        case .outside:
            let output = x / (rootMeanSquare(x) + epsilon)
            return weight.map { output * $0 } ?? output
        }
    }

    /// √mean(x²) over the trailing axes; at 0, where the root has no derivative, no gradient flows through it.
    private func rootMeanSquare(_ x: Tensor) -> Tensor {
        x.squared()
            .mean(axes: Array(x.rank - trailingAxes..<x.rank), keepingDimensions: true)
            .clamped(to: .leastNormalMagnitude ... .infinity)
            .squareRoot()
    }
}
