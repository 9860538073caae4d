// snippet.whole
public import Ballast

/// Adds Gaussian noise to the weights of layers while training: y = f(x; w + n), n ~ N(0, σ²) (Graves, 2011).
///
/// One draw serves the whole batch. Evaluation uses the weights without noise.
///
/// - Order: around a layer, the first listed is innermost.
/// - State: none; the noise is a function of (seed, name, layer, parameter, step, element).
public struct WeightNoise: LayerWrapper {
    /// The instance's name.
    public let name: String
    /// σ; not negative.
    public let deviation: Float
    /// Where it acts: around layers that have weights.
    public let sites: [Site]

    // snippet.creating
    /// Creates the technique.
    ///
    /// - Parameters:
    ///   - deviation: σ, in the unit of the weights; not negative and finite.
    ///   - layers: the layers whose weights get noise.
    ///   - name: the instance's name; two in one composition need different ones.
    public init(
        _ deviation: Float = 0.01, around layers: LayerSelector = .kind("linear"),
        named name: String = "WeightNoise"
    ) {
        require(
            deviation >= 0 && deviation.isFinite,
            "WeightNoise: the deviation must be in 0..<infinity but is \(deviation)")
        self.name = name
        self.deviation = deviation
        sites = [.around(layers)]
    }
    // snippet.end

    // snippet.diagnostics
    /// A deviation of 0 has no effect.
    public var traits: Set<TechniqueTrait> { deviation > 0 ? [] : [.noEffect] }

    /// Finds layers without weights.
    public func diagnostics(in context: CompositionContext) -> [Diagnostic] {
        let weighted = Set(context.parameters.filter { $0.role == .weight }.map(\.layer))
        let bare = context.sites(of: self).map(\.layer).filter { !weighted.contains($0) }
        guard !bare.isEmpty else { return [] }
        return [
            Diagnostic(
                .error, "no-weights", technique: name,
                message: "wraps layers without weights: \(bare.joined(separator: ", "))",
                suggestion: "choose among: \(weighted.sorted().joined(separator: ", "))")
        ]
    }
    // snippet.end

    // snippet.wrapper
    /// Returns the layer's output with noisy weights; in evaluation, with its own.
    public func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        guard context.phase.isNoisy, deviation > 0 else { return call.next() }
        let noisy = call.parameters.filter { $0.role == .weight }.map { weight in
            let noise = context.scope.random(weight.name)
            return weight.with(
                weight.value + .normal(weight.value.shape, deviation: deviation, from: noise))
        }
        return call.next(call.input, replacing: noisy)
    }
    // snippet.end
}
// snippet.end

/// The first version of the article.
enum FirstWrapper {
    // snippet.first
    struct ActivationNoise: LayerWrapper {
        var deviation: Float
        init(_ deviation: Float) { self.deviation = deviation }
        var sites: [Site] { [.after(.activations)] }

        func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
            let x = call.next()
            guard context.isTraining else { return x }
            return x + .normal(x.shape, deviation: deviation, from: context.random)
        }
    }
    // snippet.end

    // snippet.state
    /// Subtracts the running mean of each feature.
    struct Centering: LayerWrapper {
        var sites: [Site] { [.before(.activations)] }

        func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
            let x = call.next()
            let features = x.shape[1]
            let mean = context.scope.state("mean", [features], initial: .zeros)
            let old = mean.value.reshaped(
                to: Shape([features] + [Int](repeating: 1, count: x.rank - 2)))
            if context.isTraining {
                let axes = [Int](0..<x.rank).filter { $0 != 1 }
                mean.value = mean.value * 0.9 + x.detached.mean(axes: axes) * 0.1
            }
            return x - old
        }
    }
    // snippet.end
}
