internal import CKernels

/// A two-dimensional convolution (cross-correlation, as in every framework).
///
/// - Parameters:
///   - x: `[batch, channels, height, width]`.
///   - weight: `[outputs, channels / groups, kernel height, kernel width]`.
///   - bias: `[outputs]`, or nil for none.
///   - stride: the step from one position to the next, vertically and horizontally.
///   - padding: zeros put on at each side.
///   - dilation: the distance between the kernel's elements.
///   - groups: the number of groups of channels that do not mix.
/// - Returns: `[batch, outputs, height', width']` with
///   height' = ⌊(height + 2 padding - dilation (kernel - 1) - 1) / stride⌋ + 1.
public func conv2d(
    _ x: Tensor, _ weight: Tensor, _ bias: Tensor?, stride: (Int, Int) = (1, 1), padding: (Int, Int) = (0, 0),
    dilation: (Int, Int) = (1, 1), groups: Int = 1
) -> Tensor {
    x.requireFloats("conv2d")
    guard x.rank == 4, weight.rank == 4, groups > 0, x.shape[1] == weight.shape[1] * groups,
        weight.shape[0].isMultiple(of: groups), bias.map({ $0.rank == 1 && $0.shape[0] == weight.shape[0] }) ?? true
    else {
        fail(
            "conv2d",
            "the input \(x.shape) and the weight \(weight.shape) with the bias \(bias?.shape.description ?? "none") "
                + "in \(groups) groups do not fit: [batch, channels, height, width], "
                + "[outputs, channels / groups, height, width] and [outputs] are needed")
    }
    let rows = Windows(x.shape[2], weight.shape[2], stride.0, padding.0, dilation.0, x.shape, "conv2d")
    let columns = Windows(x.shape[3], weight.shape[3], stride.1, padding.1, dilation.1, x.shape, "conv2d")
    let outputs = weight.shape[0]
    var shape = ballast_conv2d_shape(
        batch: x.shape[0], channels: x.shape[1], height: x.shape[2], width: x.shape[3], outputs: outputs,
        kernel_height: rows.kernel, kernel_width: columns.kernel, stride_height: rows.stride,
        stride_width: columns.stride, padding_height: rows.padding, padding_width: columns.padding,
        dilation_height: rows.dilation, dilation_width: columns.dilation, groups: groups,
        output_height: rows.count, output_width: columns.count)
    let output = Tensor(uninitialized: [x.shape[0], outputs, rows.count, columns.count])
    ballast_conv2d(&shape, x.storage.floats, weight.storage.floats, bias?.storage.floats, output.storage.floats)
    guard let tape = Tape.of(x, weight, bias) else { return output }
    let xSlot = tape.slot(of: x)
    let weightSlot = tape.slot(of: weight)
    let biasSlot = bias.map { tape.slot(of: $0) }
    let (x, weight) = (x.detached, weight.detached)
    return tape.record("conv2d", output) { [shape] gradient, tape in
        var shape = shape
        let dy = gradient.storage.floats
        tape.accumulate(into: weightSlot) { pointer, accumulate in
            ballast_conv2d_weight_gradient(&shape, x.storage.floats, dy, accumulate, pointer)
        }
        tape.accumulate(into: xSlot) { pointer, accumulate in
            ballast_conv2d_input_gradient(&shape, dy, weight.storage.floats, accumulate, pointer)
        }
        if let biasSlot {
            let perChannel = gradient.reshaped(to: [shape.batch, outputs, rows.count * columns.count])
            tape.accumulate(perChannel.sum(axes: [0, 2]), into: biasSlot)
        }
    }
}

/// The positions of a window along one axis of an image.
private struct Windows {
    let kernel: Int
    let stride: Int
    let padding: Int
    let dilation: Int
    /// How many there are.
    let count: Int

    init(
        _ size: Int, _ kernel: Int, _ stride: Int, _ padding: Int, _ dilation: Int, _ shape: Shape, _ name: StaticString
    ) {
        guard kernel > 0, stride > 0, dilation > 0, padding >= 0 else {
            fail(
                name,
                "kernel \(kernel), stride \(stride) and dilation \(dilation) must be positive, "
                    + "and padding \(padding) not negative (input \(shape))")
        }
        let span = dilation * (kernel - 1) + 1
        guard size + 2 * padding >= span else {
            fail(
                name,
                "a window of \(span) does not fit into \(size) with a padding of \(padding) (input \(shape))")
        }
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        count = (size + 2 * padding - span) / stride + 1
    }
}

// MARK: Pooling

private func poolShape(
    _ name: StaticString, _ x: Tensor, _ kernel: (Int, Int), _ stride: (Int, Int)?, _ padding: (Int, Int)
) -> (kernel: ballast_pool2d_shape, output: Shape) {
    x.requireFloats(name)
    guard x.rank == 4 else { fail(name, "needs [batch, channels, height, width], not \(x.shape)") }
    guard padding.0 * 2 <= kernel.0, padding.1 * 2 <= kernel.1 else {
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
    return (shape, [x.shape[0], x.shape[1], rows.count, columns.count])
}

/// The largest value of each window; the first of equal ones gets the gradient.
///
/// - Parameters:
///   - x: `[batch, channels, height, width]`.
///   - kernel: the size of a window, vertically and horizontally.
///   - stride: the step from one window to the next; the kernel's size if nil.
///   - padding: the border that windows may reach over, at most half the kernel; it never wins.
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

/// The mean of each window; padding counts as zeros.
///
/// - Parameters:
///   - x: `[batch, channels, height, width]`.
///   - kernel: the size of a window, vertically and horizontally.
///   - stride: the step from one window to the next; the kernel's size if nil.
///   - padding: zeros put on at each side, at most half the kernel.
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
