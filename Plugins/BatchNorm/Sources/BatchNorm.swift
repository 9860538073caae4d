public import BallastCore

/// Normalizes each channel over the batch: y = (x − μ) / √(σ² + ε) · γ + β (Ioffe & Szegedy, 2015).
///
/// In training μ and σ² are the mean and the biased variance of the batch, through which gradients flow, and the
/// running statistics follow them: running ← (1 − momentum) · running + momentum · new, the variance unbiased
/// (divided by n − 1). In evaluation, and in the passes of a Monte Carlo prediction, the running statistics normalize.
///
/// - Shape: `[batch, channels, ...]` of any rank from 2: features of a matrix, sequences, images, volumes; the same out.
/// - Order: at one site, data flows through the techniques from top to bottom.
/// - State: at each site the parameters `weight` (γ) and `bias` (β), which `.weights` leaves out, and `runningMean` and
///   `runningVariance`, `[channels]` each; with a cumulative average also `batchesTracked`.
/// - Complexity: two passes over the data, three in the backward pass.
/// - Edge cases: one value per channel in training is refused because its variance is 0; without running statistics it
///   gives β in evaluation. NaN in a channel makes the whole channel NaN.
/// - Differs from: Keras, whose `momentum` weighs the old statistic (0.99 there is 0.01 here) and whose ε is 1e-3.
/// - Source: Ioffe & Szegedy, "Batch Normalization", ICML 2015; values match `torch.nn.BatchNorm1d/2d/3d`.
public struct BatchNorm: LayerWrapper {
    /// The instance's name.
    public let name: String
    /// Where it acts.
    public let sites: [Site]
    /// The weight of the new statistic in the running one, in `0...1`; nil for the average of all batches so far.
    public let momentum: Float?
    /// ε, added to the variance; positive.
    public let epsilon: Float
    /// Whether each channel has a weight and a bias.
    public let isAffine: Bool
    /// Whether running statistics are kept; if not, evaluation normalizes by the batch's own.
    public let tracksStatistics: Bool

    /// Creates batch normalization.
    ///
    /// - Parameters:
    ///   - sites: where it acts; before every activation function by default.
    ///   - momentum: the weight of the new statistic, in `0...1`; nil for the average of all batches so far.
    ///   - epsilon: what is added to the variance; positive and finite.
    ///   - affine: whether each channel has a weight and a bias.
    ///   - tracksStatistics: whether running statistics are kept for evaluation.
    ///   - name: the instance's name; two in one composition need different ones.
    public init(
        at sites: Site..., momentum: Float? = 0.1, epsilon: Float = 1e-5, affine: Bool = true,
        tracksStatistics: Bool = true, named name: String = "BatchNorm"
    ) {
        require(
            momentum.map({ (0...1).contains($0) }) ?? true,
            "BatchNorm: the momentum must be in 0...1 (or nil for the average) but is \(momentum ?? .nan)")
        require(epsilon > 0 && epsilon.isFinite, "BatchNorm: epsilon must be positive and finite but is \(epsilon)")
        self.name = name
        self.sites = sites.isEmpty ? [.before(.activations)] : sites
        self.momentum = momentum
        self.epsilon = epsilon
        isAffine = affine
        self.tracksStatistics = tracksStatistics
    }

    /// Removes the scale of its input, and keeps batch statistics unless `tracksStatistics` is false.
    public var traits: Set<TechniqueTrait> {
        tracksStatistics ? [.normalization, .batchStatistics] : [.normalization]
    }

    /// Finds sites where a training batch would have one value per channel.
    public func diagnostics(in context: CompositionContext) -> [Diagnostic] {
        let single = context.sites(of: self).filter { site in
            site.position != .around && site.inputShape.rank >= 2
                && site.inputShape.elementCount(in: 2..<site.inputShape.rank) == 1
        }
        guard let site = single.first, context.batchSizes.contains(1) else { return [] }
        let batch =
            context.batchSize == 1
            ? "the batch size is 1"
            : context.shards > 1
                ? "\(context.shards) shards cut a batch of \(context.batchSize), or the last one, to 1"
                : "\(context.sampleCount ?? 1) samples in batches of \(context.batchSize) leave 1 for the last"
        return [
            Diagnostic(
                .error, "batch-norm-of-one", technique: name,
                message: "gets one value per channel at \(site): \(batch)",
                reason: "the variance of one value is 0, so that every output would be β",
                source: "Ioffe & Szegedy, ICML 2015; Wu & He, \"Group Normalization\", ECCV 2018, arXiv 1803.08494",
                suggestion:
                    "choose a batch size that does not leave one sample for the last batch, or normalize each sample by "
                    + "itself (LayerNorm, GroupNorm)")
        ]
    }

    /// Returns the normalized input: by the batch's statistics in training, by the running statistics otherwise.
    public func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        let x = call.next()
        let scope = context.scope
        require(
            x.rank >= 2, "BatchNorm: \"\(scope.path)\" needs [batch, channels, ...], but its input has shape \(x.shape)"
        )
        let channels: Shape = [x.shape[1]]
        let weight = isAffine ? scope.parameter("weight", channels, initial: .ones, role: .normalization) : nil
        let bias = isAffine ? scope.parameter("bias", channels, initial: .zeros, role: .normalization) : nil
        let running = tracksStatistics ? RunningStatistics(of: channels, momentum: momentum, in: scope) : nil
        let geometry = NormalizationGeometry.channels(of: x.shape)

        if let running, !context.isTraining {
            return normalized(
                x, geometry, mean: running.mean.value, variance: running.variance.value, weight: weight, bias: bias,
                epsilon: epsilon)
        }
        let count = geometry.elementsPerGroup
        require(
            count > 1 || !context.isTraining,
            "BatchNorm: \"\(scope.path)\" needs at least 2 values per channel in training, but got \(count) "
                + "(shape \(x.shape)): choose a batch size that does not leave one sample for the last batch, or "
                + "normalize each sample by itself (LayerNorm, GroupNorm)")
        let (output, mean, variance) = normalized(x, geometry, weight: weight, bias: bias, epsilon: epsilon)
        if context.isTraining {
            running?.follow(
                mean: mean, variance: variance, count: count, estimatingAnew: context.statisticsBatch)
        }
        return output
    }
}
