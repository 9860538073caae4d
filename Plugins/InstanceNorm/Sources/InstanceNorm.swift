public import BallastCore

/// Normalizes each channel of each sample by itself, over its positions (Ulyanov et al., 2016).
///
/// y = (x − μ) / √(σ² + ε) with the mean and the biased variance of the channel in that sample, through which gradients
/// flow; with `affine`, · γ + β by channel. Training and evaluation are the same, and no sample depends on another.
///
/// - Shape: `[batch, channels, ...]` of any rank from 3: sequences, images, volumes; the same out.
/// - Order: at one site, data flows through the techniques from top to bottom.
/// - State: none; if affine, at each site the parameters `weight` (γ) and `bias` (β), `[channels]`, which `.weights`
///   leaves out.
/// - Complexity: two passes over the data, three in the backward pass.
/// - Edge cases: one position per channel is refused because it would always become 0 (or β).
/// - Differs from: `torch.nn.InstanceNorm2d(track_running_stats=True)`, which has no counterpart here.
/// - Source: Ulyanov, Vedaldi & Lempitsky, "Instance Normalization", 2016, arXiv 1607.08022; values match
///   `torch.nn.InstanceNorm1d/2d/3d`.
public struct InstanceNorm: LayerWrapper {
    /// The instance's name.
    public let name: String
    /// Where it acts.
    public let sites: [Site]
    /// ε, added to the variance; positive.
    public let epsilon: Float
    /// Whether each channel has a weight and a bias.
    public let isAffine: Bool

    /// Creates instance normalization.
    ///
    /// - Parameters:
    ///   - sites: where it acts; before every activation function by default.
    ///   - epsilon: what is added to the variance; positive and finite.
    ///   - affine: whether each channel has a weight and a bias; it has none by default, as in PyTorch.
    ///   - name: the instance's name; two in one composition need different ones.
    public init(at sites: Site..., epsilon: Float = 1e-5, affine: Bool = false, named name: String = "InstanceNorm") {
        require(epsilon > 0 && epsilon.isFinite, "InstanceNorm: epsilon must be positive and finite but is \(epsilon)")
        self.name = name
        self.sites = sites.isEmpty ? [.before(.activations)] : sites
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
            x.rank >= 3 && x.shape.elementCount(in: 2..<x.rank) > 1,
            "InstanceNorm: \"\(scope.path)\" needs [batch, channels, ...] with at least 2 positions in each channel, "
                + "but its input has shape \(x.shape): choose sites before flattening and pooling, such as .before(\"relu1\")"
        )
        let channels: Shape = [x.shape[1]]
        let weight = isAffine ? scope.parameter("weight", channels, initial: .ones, role: .normalization) : nil
        let bias = isAffine ? scope.parameter("bias", channels, initial: .zeros, role: .normalization) : nil
        return normalized(x, .groups(channels[0], of: x.shape), weight: weight, bias: bias, epsilon: epsilon).output
    }
}
