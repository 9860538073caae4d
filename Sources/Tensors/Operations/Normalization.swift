internal import CKernels

/// Which elements of a tensor are normalized together, and which weight and bias apply to each.
public struct NormalizationGeometry: Sendable {
    let kernel: ballast_norm_shape
    /// The shape that the geometry is for.
    public let shape: Shape

    private init(_ shape: Shape, outer: Int, groups: Int, inner: Int, affineGroups: Int, affineInner: Int) {
        self.shape = shape
        kernel = ballast_norm_shape(
            outer: outer, groups: groups, inner: inner, affine_groups: affineGroups, affine_inner: affineInner)
    }

    /// The number of means and variances.
    public var groupCount: Int { kernel.groups }

    /// The number of weights and of biases.
    public var entryCount: Int {
        kernel.affine_inner == 0 ? 0 : kernel.affine_groups * (kernel.inner / kernel.affine_inner)
    }

    /// The number of elements that share a mean and a variance.
    public var elementsPerGroup: Int { kernel.outer * kernel.inner }

    /// Batch normalization: statistics, weight and bias for each channel (axis 1), over all other axes.
    public static func channels(of shape: Shape) -> NormalizationGeometry {
        guard shape.rank >= 2 else {
            fail("normalized", "channels are axis 1, which the shape \(shape) does not have")
        }
        let inner = shape.elementCount(in: 2..<shape.rank)
        return NormalizationGeometry(
            shape, outer: shape[0], groups: shape[1], inner: inner, affineGroups: shape[1], affineInner: inner)
    }

    /// Layer and RMS normalization: statistics for each row, over the last `axes` axes; weight and bias for each
    /// position along them.
    public static func trailing(axes: Int, of shape: Shape) -> NormalizationGeometry {
        guard axes > 0, axes <= shape.rank else {
            fail("normalized", "the shape \(shape) does not have \(axes) trailing axes")
        }
        let split = shape.rank - axes
        return NormalizationGeometry(
            shape, outer: 1, groups: shape.elementCount(in: 0..<split),
            inner: shape.elementCount(in: split..<shape.rank), affineGroups: 1, affineInner: 1)
    }

    /// Group normalization: statistics for each sample and group of neighbouring channels (axis 1); weight and bias
    /// for each channel.
    public static func groups(_ count: Int, of shape: Shape) -> NormalizationGeometry {
        guard shape.rank >= 2, count > 0, shape[1].isMultiple(of: count) else {
            fail("normalized", "the channels (axis 1) of the shape \(shape) do not divide into \(count) groups")
        }
        let rest = shape.elementCount(in: 2..<shape.rank)
        return NormalizationGeometry(
            shape, outer: 1, groups: shape[0] * count, inner: shape[1] / count * rest, affineGroups: count,
            affineInner: rest)
    }

    fileprivate func check(_ name: StaticString, _ x: Tensor, _ weight: Tensor?, _ bias: Tensor?) {
        x.requireFloats(name)
        guard x.shape == shape else { fail(name, "the geometry is for the shape \(shape), not \(x.shape)") }
        for (noun, tensor) in [("weight", weight), ("bias", bias)] {
            guard let tensor, tensor.elementCount != entryCount else { continue }
            fail(name, "a \(noun) of \(entryCount) elements is needed for \(shape), but its shape is \(tensor.shape)")
        }
    }
}

/// The mean and the biased variance of each group of elements, `[groups]` each; no gradient flows through them.
public func moments(_ x: Tensor, _ geometry: NormalizationGeometry) -> (mean: Tensor, variance: Tensor) {
    geometry.check("moments", x, nil, nil)
    let mean = Tensor(uninitialized: [geometry.groupCount])
    let variance = Tensor(uninitialized: [geometry.groupCount])
    var kernel = geometry.kernel
    ballast_moments(&kernel, x.storage.floats, mean.storage.floats, variance.storage.floats)
    return (mean, variance)
}

/// Normalizes groups of elements by their own statistics: batch, layer, group and RMS normalization.
///
/// y = (x - mean) / √(variance + epsilon) · weight + bias. Gradients flow through the statistics.
///
/// - Parameters:
///   - x: the input.
///   - geometry: which elements belong together.
///   - weight: a factor for each entry of the geometry; nil for 1.
///   - bias: a summand for each entry of the geometry; nil for 0.
///   - epsilon: added to the variance.
///   - centered: if false, the mean is assumed to be 0 and the variance is the mean of squares (RMS normalization,
///     Zhang & Sennrich, 2019).
/// - Returns: the output, and the statistics of each group (biased variance), through which no gradient flows.
/// - Source: Ioffe & Szegedy (2015), Ba et al. (2016), Wu & He (2018).
public func normalized(
    _ x: Tensor, _ geometry: NormalizationGeometry, weight: Tensor?, bias: Tensor?, epsilon: Float,
    centered: Bool = true
) -> (output: Tensor, mean: Tensor, variance: Tensor) {
    geometry.check("normalized", x, weight, bias)
    let (mean, variance) = centered ? moments(x, geometry) : meanOfSquares(x, geometry)
    let normalization = Normalization(
        geometry: geometry, mean: centered ? mean : nil, inverse: inverseDeviation(variance, epsilon),
        isCentered: centered, isFixed: false)
    return (normalization.apply(x, weight, bias), mean, variance)
}

/// Normalizes groups of elements by given statistics, which are constants: evaluation with running averages.
///
/// y = (x - mean) / √(variance + epsilon) · weight + bias.
///
/// - Parameters:
///   - x: the input.
///   - geometry: which elements belong together.
///   - mean: `[groups]`.
///   - variance: `[groups]`.
///   - weight: a factor for each entry of the geometry; nil for 1.
///   - bias: a summand for each entry of the geometry; nil for 0.
///   - epsilon: added to the variance.
public func normalized(
    _ x: Tensor, _ geometry: NormalizationGeometry, mean: Tensor, variance: Tensor, weight: Tensor?, bias: Tensor?,
    epsilon: Float
) -> Tensor {
    geometry.check("normalized", x, weight, bias)
    guard mean.elementCount == geometry.groupCount, variance.elementCount == geometry.groupCount else {
        fail(
            "normalized",
            "statistics of \(geometry.groupCount) groups are needed for \(x.shape), not of shapes \(mean.shape) and "
                + "\(variance.shape)")
    }
    let normalization = Normalization(
        geometry: geometry, mean: mean.detached, inverse: inverseDeviation(variance.detached, epsilon),
        isCentered: true, isFixed: true)
    return normalization.apply(x, weight, bias)
}

private func meanOfSquares(_ x: Tensor, _ geometry: NormalizationGeometry) -> (mean: Tensor, variance: Tensor) {
    let squares = Tensor(uninitialized: [geometry.groupCount])
    var kernel = geometry.kernel
    ballast_mean_of_squares(&kernel, x.storage.floats, squares.storage.floats)
    return (.zeros([geometry.groupCount]), squares)
}

private func inverseDeviation(_ variance: Tensor, _ epsilon: Float) -> Tensor {
    (variance + epsilon).reciprocalSquareRoot()
}

/// A normalization with given statistics.
private struct Normalization {
    let geometry: NormalizationGeometry
    /// Nil if it is 0.
    let mean: Tensor?
    let inverse: Tensor
    let isCentered: Bool
    let isFixed: Bool

    func apply(_ x: Tensor, _ weight: Tensor?, _ bias: Tensor?) -> Tensor {
        let output = Tensor(uninitialized: x.shape)
        var kernel = geometry.kernel
        ballast_normalize(
            &kernel, x.storage.floats, mean?.storage.floats, inverse.storage.floats, weight?.storage.floats,
            bias?.storage.floats, output.storage.floats)
        guard let tape = Tape.of(x, weight ?? x, bias) else { return output }
        let xSlot = tape.slot(of: x)
        let weightSlot = weight.map { tape.slot(of: $0) }
        let biasSlot = bias.map { tape.slot(of: $0) }
        let (x, weight) = (x.detached, weight?.detached)
        return tape.record("normalized", output) { gradient, tape in
            var kernel = geometry.kernel
            let dx = tape.openGradient(of: xSlot)
            let dweight = tape.openGradient(of: weightSlot)
            let dbias = tape.openGradient(of: biasSlot)
            ballast_normalize_gradient(
                &kernel, isCentered, isFixed, x.storage.floats, mean?.storage.floats, inverse.storage.floats,
                weight?.storage.floats, gradient.storage.floats, dx.pointer, dx.accumulate, dweight.pointer,
                dweight.accumulate, dbias.pointer, dbias.accumulate)
        }
    }
}

extension Tape {
    /// The memory of an input's gradient; nil without such an input, or if no gradient is wanted.
    fileprivate func openGradient(
        of slot: GradientSlot?
    ) -> (pointer: UnsafeMutablePointer<Float>?, accumulate: Bool) {
        guard let slot else { return (nil, false) }
        return openGradient(of: slot.index, shape: slot.shape)
    }
}
