internal import CKernels

/// Sets elements to 0 at random and scales the others by 1 / (1 - p) (Srivastava et al., 2014).
///
/// p is the probability rounded to a multiple of 2^-16, at most 1 - 2^-16. Mask and scale use the same p, so that the
/// expected output is the input for every probability.
///
/// - Parameters:
///   - x: any tensor of floats.
///   - probability: the chance of a unit to be dropped, in `0..<1`. If it rounds to 0, the tensor is returned
///     unchanged.
///   - inner: the number of neighbouring elements that are kept or dropped together: 1 for elements, height * width
///     for channels of an image.
///   - stream: the source of the random numbers; the same stream drops the same units.
/// - Shape: any; the output has that of the input.
/// - Precondition: the number of elements is a multiple of `inner`.
public func dropout(_ x: Tensor, probability: Float, perUnit inner: Int = 1, from stream: RandomStream) -> Tensor {
    x.requireFloats("dropout")
    guard probability >= 0, probability < 1 else {
        fail("dropout", "the probability must be in 0..<1 but is \(probability)")
    }
    guard inner > 0, x.elementCount.isMultiple(of: inner) else {
        fail("dropout", "the shape \(x.shape) does not divide into units of \(inner) elements")
    }
    // 16 random bits below the threshold drop a unit.
    let threshold = min(UInt32((Double(probability) * 65536).rounded()), 65535)
    guard threshold > 0 else { return x }
    let scale = Float(65536 / Double(65536 - threshold))
    let output = Tensor(uninitialized: x.shape)
    let mask = Storage(byteCount: (x.elementCount / inner + 7) / 8)
    let bits = mask.bytes.assumingMemoryBound(to: UInt8.self)
    ballast_dropout(
        x.elementCount, inner, x.storage.floats, stream.kernel, threshold, scale, bits, output.storage.floats)
    guard let tape = Tape.of(x) else { return output }
    let slot = tape.slot(of: x)
    return tape.record("dropout", output) { gradient, tape in
        tape.accumulate(into: slot) { pointer, accumulate in
            ballast_dropout_gradient(
                slot.shape.elementCount, inner, gradient.storage.floats,
                mask.bytes.assumingMemoryBound(to: UInt8.self), scale, accumulate, pointer)
        }
    }
}
