internal import CKernels

/// The destination of the gradient of an operation's input; backward closures capture it instead of the tracked input.
struct GradientSlot {
    /// The node of the input; nil if no gradient is wanted.
    let index: Int32?
    /// The shape of the input.
    let shape: Shape

    /// Whether a gradient is wanted at all.
    var isWanted: Bool { index != nil }
}

extension Tape {
    /// The destination of the gradient of an input.
    @inline(__always)
    func slot(of tensor: Tensor) -> GradientSlot { GradientSlot(index: index(of: tensor), shape: tensor.shape) }

    /// Lets a kernel write or add to the gradient of an input.
    @inline(__always)
    func accumulate(
        into slot: GradientSlot, _ body: (_ pointer: UnsafeMutablePointer<Float>, _ accumulate: Bool) -> Void
    ) {
        accumulate(into: slot.index, shape: slot.shape, body)
    }

    /// Adds `scale * gradient`, summed over the axes along which the input had been broadcast.
    func accumulate(_ gradient: Tensor, scale: Float = 1, into slot: GradientSlot) {
        guard slot.isWanted else { return }
        if gradient.shape == slot.shape {
            if scale == 1 { return accumulate(gradient, into: slot.index) }
            accumulate(into: slot) { pointer, accumulate in
                ballast_affine(gradient.elementCount, gradient.storage.floats, scale, 0, accumulate, pointer)
            }
        } else if slot.shape.rank == 1, slot.shape[0] == gradient.shape[gradient.rank - 1], slot.shape[0] > 0 {
            // The gradient of a bias: the sum of all rows.
            let columns = slot.shape[0]
            accumulate(into: slot) { pointer, accumulate in
                withUnsafePointer(to: (gradient.elementCount / columns, columns)) {
                    $0.withMemoryRebound(to: Int.self, capacity: 2) { sizes in
                        ballast_reduce(
                            ballast_sum, 2, sizes, 1, gradient.storage.floats, scale, accumulate, pointer)
                    }
                }
            }
        } else {
            let axes = ReducedAxes(of: gradient.shape, broadcastFrom: slot.shape)
            accumulate(into: slot) { pointer, accumulate in
                axes.reduce(ballast_sum, gradient, scale: scale, accumulate: accumulate, into: pointer)
            }
        }
    }

    /// Adds a gradient that is the same along the axes where its size is 1 or missing.
    func accumulate(broadcasting gradient: Tensor, into slot: GradientSlot) {
        accumulate(into: slot) { pointer, accumulate in
            if gradient.elementCount == 1, !accumulate {
                return ballast_fill(slot.shape.elementCount, gradient.storage.floats.pointee, pointer)
            }
            StridedView(gradient.storage.floats, .strides(of: gradient.shape, broadcastTo: slot.shape)).copy(
                slot.shape, to: StridedView(pointer, .strides(of: slot.shape)), accumulate: accumulate)
        }
    }
}
