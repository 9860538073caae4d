public import BallastCore

/// Normalizes each sample by itself, over its trailing axes: y = (x − μ) / √(σ² + ε) · γ + β (Ba et al., 2016).
///
/// μ and σ² are the mean and the biased variance over the trailing axes; gradients flow through them. Training and
/// evaluation are the same, and no sample depends on another.
///
/// - Shape: any with at least one more axis than are normalized, the batch; output the same. γ and β have the shape of the trailing axes.
/// - Order: at one site, data flows through the techniques from top to bottom.
/// - State: at each site the parameters `weight` (γ) and `bias` (β), which `.weights` leaves out.
/// - Complexity: two passes over the data, three in the backward pass.
/// - Edge cases: one value to normalize is refused because it would always become β.
/// - Differs from: Keras, whose ε is 1e-3.
/// - Source: Ba, Kiros & Hinton, "Layer Normalization", 2016, arXiv 1607.06450; values match
///   `torch.nn.LayerNorm`.
public struct LayerNorm: LayerWrapper {
    /// The instance's name.
    public let name: String
    /// Where it acts.
    public let sites: [Site]
    /// The number of axes, counted from the last, that are normalized together.
    public let trailingAxes: Int
    /// ε, added to the variance; positive.
    public let epsilon: Float
    /// Whether each position along the trailing axes has a weight and a bias.
    public let isAffine: Bool

    /// Creates layer normalization.
    ///
    /// - Parameters:
    ///   - trailingAxes: the number of axes, counted from the last, that are normalized together; at least 1.
    ///   - sites: where it acts; before every activation function by default.
    ///   - epsilon: what is added to the variance; positive and finite.
    ///   - affine: whether each position along the trailing axes has a weight and a bias.
    ///   - name: the instance's name; two in one composition need different ones.
    public init(
        overTrailing trailingAxes: Int = 1, at sites: Site..., epsilon: Float = 1e-5, affine: Bool = true,
        named name: String = "LayerNorm"
    ) {
        require(
            (1..<Shape.maximumRank).contains(trailingAxes),
            "LayerNorm: the number of trailing axes must be in 1..<\(Shape.maximumRank) but is \(trailingAxes)")
        require(epsilon > 0 && epsilon.isFinite, "LayerNorm: epsilon must be positive and finite but is \(epsilon)")
        self.name = name
        self.sites = sites.isEmpty ? [.before(.activations)] : sites
        self.trailingAxes = trailingAxes
        self.epsilon = epsilon
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
            "LayerNorm: \"\(scope.path)\" normalizes over \(trailingAxes) trailing axes, and needs at least one more "
                + "before them, the batch; but its input has shape \(x.shape)")
        let positions = Shape(x.shape.suffix(trailingAxes))
        require(
            positions.elementCount > 1,
            "LayerNorm: \"\(scope.path)\" got 1 value to normalize (shape \(x.shape), \(trailingAxes) trailing axes), "
                + "which would always become 0: normalize over more axes, or choose another site")
        let weight = isAffine ? scope.parameter("weight", positions, initial: .ones, role: .normalization) : nil
        let bias = isAffine ? scope.parameter("bias", positions, initial: .zeros, role: .normalization) : nil
        return normalized(
            x, .trailing(axes: trailingAxes, of: x.shape), weight: weight, bias: bias, epsilon: epsilon
        ).output
    }
}
