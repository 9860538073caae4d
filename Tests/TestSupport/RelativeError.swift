package import Tensors

/// The greatest difference between two tensors, relative to the greatest magnitude that is expected.
///
/// Equal infinities do not differ. Infinite if the shapes differ or if only one of two elements is finite or NaN.
package func relativeError(_ value: Tensor, _ expected: Tensor) -> Float {
    guard value.shape == expected.shape, value.scalarType == expected.scalarType else { return .infinity }
    if value.scalarType == .int32 { return value.integers == expected.integers ? 0 : .infinity }
    return relativeError(value.scalars, expected.scalars)
}

/// The greatest difference between two lists, relative to the greatest magnitude that is expected.
package func relativeError(_ value: [Float], _ expected: [Float]) -> Float {
    guard value.count == expected.count else { return .infinity }
    let scale = expected.lazy.filter(\.isFinite).map(\.magnitude).max() ?? 0
    var worst: Float = 0
    for (a, b) in zip(value, expected) where a != b && !(a.isNaN && b.isNaN) {
        guard a.isFinite, b.isFinite else { return .infinity }
        worst = max(worst, (a - b).magnitude / max(scale, .leastNormalMagnitude))
    }
    return worst
}
