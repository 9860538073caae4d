internal import CKernels

/// Calls a function for all of `0..<count`, piece by piece, on the threads of the kernels; returns when all is done.
///
/// For work of a technique that no tensor operation does, such as drawing and resampling the images of a batch:
///
/// ```swift
/// output.withUnsafeMutableFloats { pixels in
///     nonisolated(unsafe) let pixels = pixels  // each call writes its own images
///     parallelFor(count: images, grain: 16) { range in
///         for image in range { change(pixels, image) }
///     }
/// }
/// ```
///
/// Pieces run in any order and at the same time, so that a call must write nothing that another reads or writes; then the
/// result does not depend on the number of threads. Within a piece, tensor operations run on its thread alone, and
/// arithmetic treats subnormal numbers as zero, as in tensor operations.
///
/// - Parameters:
///   - count: the number of items; not negative.
///   - grain: the number of items in a piece, the last of which may have fewer; at least 1. A piece should take
///     some ten microseconds.
///   - body: called with each piece, `0..<grain`, `grain..<2 * grain` and so on.
public func parallelFor(count: Int, grain: Int = 1, _ body: @Sendable (Range<Int>) -> Void) {
    guard count >= 0, grain >= 1 else {
        fail("parallelFor", "needs a count of at least 0 and a grain of at least 1, not \(count) and \(grain)")
    }
    let pieces = (count + grain - 1) / grain
    withoutActuallyEscaping(body) { body in
        var job = Job(count: count, grain: grain, body: body)
        withUnsafeMutablePointer(to: &job) { job in
            ballast_parallel(pieces, job) { context, piece in
                guard let job = context?.assumingMemoryBound(to: Job.self).pointee else { return }
                let start = piece * job.grain
                job.body(start..<min(start + job.grain, job.count))
            }
        }
    }
}

private struct Job {
    let count: Int
    let grain: Int
    let body: @Sendable (Range<Int>) -> Void
}
