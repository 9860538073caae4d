internal import CKernels

private func poolShape(
    _ name: StaticString, _ x: Tensor, _ kernel: (Int, Int), _ stride: (Int, Int)?, _ padding: (Int, Int)
) -> (kernel: ballast_pool2d_shape, output: Shape) {
    x.requireFloats(name)
    guard x.rank == 4 else { fail(name, "needs [batch, channels, height, width], not \(x.shape)") }
    guard padding.0 <= kernel.0 / 2, padding.1 <= kernel.1 / 2 else {
        fail(name, "the padding \(padding) must be at most half the kernel \(kernel) (input \(x.shape))")
    }
    let stride = stride ?? kernel
    let rows = Windows(x.shape[2], kernel.0, stride.0, padding.0, 1, x.shape, name)
    let columns = Windows(x.shape[3], kernel.1, stride.1, padding.1, 1, x.shape, name)
    let shape = ballast_pool2d_shape(
        planes: x.shape[0] * x.shape[1], height: x.shape[2], width: x.shape[3], kernel_height: rows.kernel,
        kernel_width: columns.kernel, stride_height: rows.stride, stride_width: columns.stride,
        padding_height: rows.padding, padding_width: columns.padding, output_height: rows.count,
        output_width: columns.count)
    return (shape, Shape([x.shape[0], x.shape[1], rows.count, columns.count], for: name))
}

/// The largest value of each window; the first of equal ones gets the gradient.
///
/// - Parameters:
///   - x: `[batch, channels, height, width]`.
///   - kernel: the size of a window, vertically and horizontally.
///   - stride: the step from one window to the next; the kernel's size if nil.
///   - padding: the border that windows may reach into, at most half the kernel; it is never the largest.
/// - Returns: `[batch, channels, height', width']`.
public func maxPool2d(
    _ x: Tensor, kernel: (Int, Int), stride: (Int, Int)? = nil, padding: (Int, Int) = (0, 0)
) -> Tensor {
    var (shape, outputShape) = poolShape("maxPool2d", x, kernel, stride, padding)
    let output = Tensor(uninitialized: outputShape)
    let positions = Tensor(uninitialized: outputShape, scalarType: .int32)
    ballast_max_pool2d(&shape, x.storage.floats, output.storage.floats, positions.storage.integers)
    guard let tape = Tape.of(x) else { return output }
    let slot = tape.slot(of: x)
    return tape.record("maxPool2d", output) { [shape] gradient, tape in
        var shape = shape
        tape.accumulate(into: slot) { pointer, accumulate in
            ballast_max_pool2d_gradient(
                &shape, gradient.storage.floats, positions.storage.integers, accumulate, pointer)
        }
    }
}

/// The largest value of each window along the last axis; the first of equal ones gets the gradient.
///
/// - Parameters:
///   - x: `[batch, channels, length]`.
///   - kernel: the size of a window.
///   - stride: the step from one window to the next; the kernel's size if nil.
///   - padding: the border that windows may reach into, at most half the kernel; it is never the largest.
/// - Returns: `[batch, channels, length']` with length' = ⌊(length + 2 padding - kernel) / stride⌋ + 1.
public func maxPool1d(_ x: Tensor, kernel: Int, stride: Int? = nil, padding: Int = 0) -> Tensor {
    guard x.rank == 3 else { fail("maxPool1d", "needs [batch, channels, length], not \(x.shape)") }
    return maxPool2d(
        x.expandingDimension(at: 2), kernel: (1, kernel), stride: (1, stride ?? kernel), padding: (0, padding)
    ).squeezed(2)
}

/// The mean of each window; padding counts as zeros.
///
/// - Parameters:
///   - x: `[batch, channels, height, width]`.
///   - kernel: the size of a window, vertically and horizontally.
///   - stride: the step from one window to the next; the kernel's size if nil.
///   - padding: zeros added at each side, at most half the kernel.
/// - Returns: `[batch, channels, height', width']`.
public func averagePool2d(
    _ x: Tensor, kernel: (Int, Int), stride: (Int, Int)? = nil, padding: (Int, Int) = (0, 0)
) -> Tensor {
    var (shape, outputShape) = poolShape("averagePool2d", x, kernel, stride, padding)
    let output = Tensor(uninitialized: outputShape)
    ballast_average_pool2d(&shape, x.storage.floats, output.storage.floats)
    guard let tape = Tape.of(x) else { return output }
    let slot = tape.slot(of: x)
    return tape.record("averagePool2d", output) { [shape] gradient, tape in
        var shape = shape
        tape.accumulate(into: slot) { pointer, accumulate in
            ballast_average_pool2d_gradient(&shape, gradient.storage.floats, accumulate, pointer)
        }
    }
}

/// The mean of each channel of `[batch, channels, height, width]`: `[batch, channels]`.
public func globalAveragePool2d(_ x: Tensor) -> Tensor {
    guard x.rank == 4 else { fail("globalAveragePool2d", "needs [batch, channels, height, width], not \(x.shape)") }
    return x.mean(axes: [2, 3])
}
