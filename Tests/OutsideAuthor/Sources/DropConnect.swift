public import Ballast

/// Zeroes weights, not activations, at random while training: y = (w m / (1 − p)) x (Wan et al., 2013).
///
/// One mask serves the whole batch. What is kept is scaled by 1 / (1 − p), so that evaluation is the plain layer.
///
/// - Order: around a layer, the first listed is innermost.
/// - State: none; the mask is a function of (seed, name, site, step, element).
public struct DropConnect: LayerWrapper {
    /// The instance's name.
    public let name: String
    /// p, the probability of zeroing a weight, in `0 ..< 1`.
    public let probability: Float
    /// Where it acts: around layers that have a parameter named `weight`.
    public let sites: [Site]

    /// Creates the technique.
    public init(
        _ probability: Float = 0.5, around layers: LayerSelector = .kind("linear"), named name: String = "DropConnect"
    ) {
        require((0..<1).contains(probability), "DropConnect: the probability must be in 0..<1 but is \(probability)")
        self.name = name
        self.probability = probability
        sites = [.around(layers)]
    }

    /// Returns what the layer computes with part of its weights.
    public func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        guard context.phase.isNoisy, probability > 0 else { return call.next() }
        let masked = call.parameters.filter { $0.role == .weight }.enumerated().map { index, parameter in
            parameter.with(
                dropout(parameter.value, probability: probability, from: context.random.branch(index)))
        }
        return call.next(call.input, replacing: masked)
    }
}
