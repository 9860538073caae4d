internal import CKernels

/// Sets elements to 0 at random and scales the others by 1 / (1 - probability) (Srivastava et al., 2014).
///
/// - Parameters:
///   - x: any tensor of floats.
///   - probability: the chance of a unit to be dropped, in `0..<1`; it is rounded to a multiple of 2^-16. With 0
///     the tensor is returned as it is.
///   - inner: how many neighbouring elements make a unit that is kept or dropped as a whole: 1 for elements,
///     height * width for channels of an image.
///   - stream: where the random numbers come from; the same stream drops the same units.
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
    guard probability > 0 else { return x }
    let threshold = UInt32((Double(probability) * 65536).rounded())
    let scale = 1 / (1 - probability)
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
