public import Ballast

/// Divides the weight of a layer by its largest singular value: y = (W / σ) x (Miyato et al., 2018).
///
/// σ = uᵀ W v, where a training pass improves u and v by one power iteration; gradients take both as constants.
///
/// - Shape: weights of any rank, as a matrix of their units and the rest. Cost: two products of matrix and vector.
/// - Order: around a layer, the first listed is innermost, and sees the weight that later ones have replaced.
/// - State: v for each layer; it moves in training passes alone.
/// - Source: arXiv 1802.05957, algorithm 1.
public struct SpectralNorm: LayerWrapper {
    /// The instance's name.
    public let name: String
    /// Around layers with a parameter of the role weight.
    public let sites: [Site]

    /// Makes the layer free of its weight's scale.
    public var traits: Set<TechniqueTrait> { [.normalization] }

    /// Creates the technique.
    public init(around layers: LayerSelector = .kind("linear"), named name: String = "SpectralNorm") {
        self.name = name
        sites = [.around(layers)]
    }

    /// Returns what the layer computes with a weight of spectral norm 1.
    public func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        guard let weight = call.parameters.first(where: { $0.role == .weight }), let axis = weight.unitAxis else {
            return call.next()
        }
        let others = (0..<weight.value.rank).filter { $0 != axis }
        let matrix = weight.value.permuted([axis] + others).flattened(from: 1)
        let state = context.scope.state("right", [matrix.shape[1], 1], initial: .ones)
        let left = normalized(matmul(matrix.detached, state.value))
        let right = normalized(matmul(matrix.detached, left, transposeA: true))
        if context.isTraining { state.value = right }
        let norm = (matmul(matrix, right) * left).sum()
        return call.next(call.input, replacing: [weight.with(weight.value / norm)])
    }

    private func normalized(_ x: Tensor) -> Tensor { x / max(x.norm().item, 1e-12) }
}
