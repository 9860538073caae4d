public import Ballast

/// Mixes samples at a layer that each step draws: h ← λ h + (1 − λ) h_π, targets likewise (Verma et al., 2019).
///
/// λ ~ Beta(α, α), the partners π and the layer are drawn once a step, for the targets and for all layers.
///
/// - Shape: what flows into the layers is `[batch, ...]`; targets become probabilities, or stay values.
/// - Order: after techniques that look samples up one by one; instead of plain mixup. State: none.
/// - Source: arXiv 1806.05236, section 2.
public struct ManifoldMixup: BatchWrapper, LayerWrapper {
    /// The instance's name.
    public let name: String
    /// α; positive.
    public let alpha: Float
    /// The paths of the layers before which samples may be mixed.
    public let layers: [String]

    /// Edits labels.
    public var traits: Set<TechniqueTrait> { [.editsLabels, .givesProbabilities] }
    /// Before each of the layers.
    public var sites: [Site] { layers.map { .before(.named($0)) } }

    /// Creates the technique.
    public init(_ alpha: Float = 2, before layers: [String], named name: String = "ManifoldMixup") {
        require(alpha > 0, "ManifoldMixup: α must be positive but is \(alpha)")
        require(!layers.isEmpty, "ManifoldMixup: there must be a layer to mix before")
        self.name = name
        self.alpha = alpha
        self.layers = layers
    }

    /// Returns the batch with mixed targets.
    public func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        var batch = batch
        batch.target = mixed(batch.probabilities(classes: context.classes ?? 1), context.sharedRandom)
        return batch
    }

    /// Returns mixed activations before the layer that the step draws.
    public func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        guard context.isTraining else { return call.next() }
        let choice = Int(context.sharedRandom.branch(2).uniforms(1)[0] * Float(layers.count))
        return call.path == layers[choice] ? mixed(call.next(), context.sharedRandom) : call.next()
    }

    private func mixed(_ x: Tensor, _ random: RandomStream) -> Tensor {
        let share = random.branch(0).beta(alpha, alpha)
        let partners = Tensor(integers: random.branch(1).permutation(x.shape[0]))
        let flat = x.flattened(from: 1)
        return (flat * share + flat.gathered(rows: partners) * (1 - share)).reshaped(to: x.shape)
    }
}
