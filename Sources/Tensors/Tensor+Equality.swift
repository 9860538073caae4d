internal import Foundation

extension Tensor {
    /// Whether two tensors have the same shape, the same type and the same bits.
    ///
    /// This is stricter than comparing numbers: 0 and -0 differ, and a NaN equals a NaN of the same bits.
    public func hasSameBits(as other: Tensor) -> Bool {
        shape == other.shape && scalarType == other.scalarType
            && memcmp(storage.bytes, other.storage.bytes, elementCount * 4) == 0
    }

    /// Whether two tensors agree within rounding: |a - b| <= absolute + relative |b| for each pair of elements.
    ///
    /// Integers must be equal. Tensors of different shapes or types are not close, and NaN is close to nothing.
    public func isClose(to other: Tensor, relative: Float = 1e-5, absolute: Float = 1e-8) -> Bool {
        guard shape == other.shape, scalarType == other.scalarType else { return false }
        if scalarType == .int32 { return integers == other.integers }
        return withUnsafeFloats { own in
            other.withUnsafeFloats { others in
                zip(own, others).allSatisfy { a, b in
                    a == b || (a.isFinite && b.isFinite && Swift.abs(a - b) <= absolute + relative * Swift.abs(b))
                }
            }
        }
    }
}
