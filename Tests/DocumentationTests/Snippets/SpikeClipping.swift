// snippet.whole
public import Ballast

/// Clips gradients whose norm is an outlier among those of the steps before (after ZClip; Kumar et al., 2025).
///
/// With the running mean μ and deviation σ of the norm, a norm ‖g‖ of score z = (‖g‖ − μ) / σ above the threshold z₀
/// becomes μ + σ z₀² / z: the greater the outlier, the closer to the mean.
///
/// - Order: acts on gradients, before the optimizer; list it after whatever adds to them.
/// - State: mean, variance and number of norms; saved with the run. Complexity: one pass over the gradients.
/// - Differs from: the paper uses the plain mean of the first 25 norms and a decaying mean after them; here the weight of a
///   norm falls as 1/n until it is that of the decaying mean.
public struct SpikeClipping: GradientTransform {
    /// The instance's name.
    public let name: String
    /// z₀: by how many deviations a norm may exceed the mean; infinity clips nothing.
    public let threshold: Double
    /// How much of mean and variance is kept from step to step.
    public let decay: Double
    /// The number of steps before any clipping.
    public let warmUp: Int
    /// The parameters whose gradients count as one vector.
    public let parameters: ParameterSelector

    // snippet.creating
    /// Creates the transform.
    ///
    /// - Parameters:
    ///   - threshold: by how many deviations a norm may exceed the mean; positive.
    ///   - decay: how much of mean and variance is kept from step to step, in `0 ..< 1`.
    ///   - warmUp: the number of steps before any clipping; at least 2, since a deviation needs two norms.
    ///   - selector: the parameters whose gradients count as one vector.
    ///   - name: the instance's name; two in one composition need different ones.
    public init(
        _ threshold: Double = 2.5, decay: Double = 0.97, warmUp: Int = 25,
        on selector: ParameterSelector = .all,
        named name: String = "SpikeClipping"
    ) {
        require(threshold > 0, "SpikeClipping: the threshold must be positive but is \(threshold)")
        require((0..<1).contains(decay), "SpikeClipping: the decay must be in 0..<1 but is \(decay)")
        require(warmUp >= 2, "SpikeClipping: warmUp must be at least 2 but is \(warmUp)")
        self.name = name
        self.threshold = threshold
        self.decay = decay
        self.warmUp = warmUp
        parameters = selector
    }
    // snippet.end

    // snippet.diagnostics
    /// Bounds gradients; an infinite threshold has no effect.
    public var traits: Set<TechniqueTrait> { threshold.isFinite ? [.clipsGradients] : [.noEffect] }

    /// Finds a warm-up as long as the run.
    public func diagnostics(in context: CompositionContext) -> [Diagnostic] {
        guard let epochs = context.epochs, let samples = context.sampleCount else { return [] }
        let steps = epochs * ((samples + context.batchSize - 1) / context.batchSize)
        guard threshold.isFinite, steps > 0, steps <= warmUp else { return [] }
        return [
            Diagnostic(
                .warning, "warm-up-longer-than-run", technique: name,
                message: "never clips: \(warmUp) steps of warm-up in a run of \(steps)",
                suggestion: "give the run more steps, or a warm-up below \(steps)")
        ]
    }
    // snippet.end

    // snippet.transform
    /// Returns the gradients, scaled down if their norm is an outlier.
    public func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        guard threshold.isFinite else { return gradients }
        let count = context.scope.number("count", initial: 0)
        let mean = context.scope.number("mean", initial: 0)
        let variance = context.scope.number("variance", initial: 0)

        var gradients = gradients
        var norm = Double(gradients.norm())
        let deviation = variance.value.squareRoot()
        let excess = norm - mean.value
        if Int(count.value) >= warmUp, excess > threshold * deviation, deviation > 0 {
            let bound = mean.value + deviation * deviation * threshold * threshold / excess
            gradients.scale(by: Float(bound / norm))
            norm = bound
        }

        count.value += 1
        let weight = max(1 / count.value, 1 - decay)
        let difference = norm - mean.value
        mean.value += weight * difference
        variance.value = (1 - weight) * (variance.value + weight * difference * difference)
        return gradients
    }
    // snippet.end
}
// snippet.end

/// The first version of the article.
enum FirstTransform {
    // snippet.first
    struct NormClipping: GradientTransform {
        var bound: Float
        init(_ bound: Float) { self.bound = bound }

        func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
            var gradients = gradients
            let norm = gradients.norm()
            if norm > bound { gradients.scale(by: bound / norm) }
            return gradients
        }
    }
    // snippet.end
}
