public import BallastCore

/// Normalizes each sample by itself, over groups of adjacent channels and all positions (Wu & He, 2018).
///
/// y = (x − μ) / √(σ² + ε) · γ + β with the mean and the biased variance of a sample's group, through which gradients
/// flow; γ and β belong to channels. Training and evaluation are the same, and no sample depends on another: use
/// it where batches are too small for batch normalization.
///
/// - Shape: `[batch, channels, ...]` of any rank from 2, `groups` dividing the channels; the same out.
/// - Order: at one site, data flows through the techniques from top to bottom.
/// - State: at each site the parameters `weight` (γ) and `bias` (β), `[channels]`, which `.weights` leaves out.
/// - Complexity: two passes over the data, three in the backward pass.
/// - Edge cases: one value in a group is refused because it would always become β.
/// - Differs from: Keras, which takes the last axis as channels and whose ε is 1e-3.
/// - Source: Wu & He, "Group Normalization", ECCV 2018, arXiv 1803.08494; values match
///   `torch.nn.GroupNorm`.
public struct GroupNorm: LayerWrapper {
    /// The instance's name.
    public let name: String
    /// Where it acts.
    public let sites: [Site]
    /// The number of groups, which divides the channels; 1 normalizes a whole sample.
    public let groups: Int
    /// ε, added to the variance; positive.
    public let epsilon: Float
    /// Whether each channel has a weight and a bias.
    public let isAffine: Bool

    /// Creates group normalization.
    ///
    /// - Parameters:
    ///   - groups: the number of groups; positive, and a divisor of the number of channels at every site.
    ///   - sites: where it acts; before every activation function by default.
    ///   - epsilon: what is added to the variance; positive and finite.
    ///   - affine: whether each channel has a weight and a bias.
    ///   - name: the instance's name; two in one composition need different ones.
    public init(
        groups: Int, at sites: Site..., epsilon: Float = 1e-5, affine: Bool = true, named name: String = "GroupNorm"
    ) {
        require(groups > 0, "GroupNorm: the number of groups must be positive but is \(groups)")
        require(epsilon > 0 && epsilon.isFinite, "GroupNorm: epsilon must be positive and finite but is \(epsilon)")
        self.name = name
        self.sites = sites.isEmpty ? [.before(.activations)] : sites
        self.groups = groups
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
            x.rank >= 2, "GroupNorm: \"\(scope.path)\" needs [batch, channels, ...], but its input has shape \(x.shape)"
        )
        let channels = x.shape[1]
        require(
            channels.isMultiple(of: groups),
            "GroupNorm: \"\(scope.path)\" cannot divide \(channels) channels (axis 1 of shape \(x.shape)) into "
                + "\(groups) groups: choose among \((1...max(channels, 1)).filter { channels.isMultiple(of: $0) })")
        let geometry = NormalizationGeometry.groups(groups, of: x.shape)
        require(
            geometry.elementsPerGroup > 1,
            "GroupNorm: \"\(scope.path)\" got 1 value in each of \(groups) groups (shape \(x.shape)), which would "
                + "always become 0: choose fewer groups, or another site")
        let weight = isAffine ? scope.parameter("weight", [channels], initial: .ones, role: .normalization) : nil
        let bias = isAffine ? scope.parameter("bias", [channels], initial: .zeros, role: .normalization) : nil
        return normalized(x, geometry, weight: weight, bias: bias, epsilon: epsilon).output
    }
}
