internal import CKernels

/// A two-dimensional convolution (cross-correlation, as in every framework).
///
/// - Parameters:
///   - x: `[batch, channels, height, width]`.
///   - weight: `[outputs, channels / groups, kernel height, kernel width]`.
///   - bias: `[outputs]`, or nil for none.
///   - stride: the step from one position to the next, vertically and horizontally.
///   - padding: zeros added at each side.
///   - dilation: the distance between the kernel's elements.
///   - groups: the number of groups of channels that do not mix.
/// - Returns: `[batch, outputs, height', width']` with
///   height' = ⌊(height + 2 padding - dilation (kernel - 1) - 1) / stride⌋ + 1.
public func conv2d(
    _ x: Tensor, _ weight: Tensor, _ bias: Tensor?, stride: (Int, Int) = (1, 1), padding: (Int, Int) = (0, 0),
    dilation: (Int, Int) = (1, 1), groups: Int = 1
) -> Tensor {
    for tensor in [x, weight] { tensor.requireFloats("conv2d") }
    bias?.requireFloats("conv2d")
    guard x.rank == 4, weight.rank == 4, groups > 0, x.shape[1].isMultiple(of: groups),
        x.shape[1] / groups == weight.shape[1], weight.shape[0].isMultiple(of: groups),
        bias.map({ $0.rank == 1 && $0.shape[0] == weight.shape[0] }) ?? true
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
    let output = Tensor(uninitialized: Shape([x.shape[0], outputs, rows.count, columns.count], for: "conv2d"))
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

/// A one-dimensional convolution (cross-correlation, as in every framework).
///
/// - Parameters:
///   - x: `[batch, channels, length]`.
///   - weight: `[outputs, channels / groups, kernel]`.
///   - bias: `[outputs]`, or nil for none.
///   - stride: the step from one position to the next.
///   - padding: zeros added at each end.
///   - dilation: the distance between the kernel's elements.
///   - groups: the number of groups of channels that do not mix.
/// - Returns: `[batch, outputs, length']` with length' = ⌊(length + 2 padding - dilation (kernel - 1) - 1) / stride⌋ + 1.
public func conv1d(
    _ x: Tensor, _ weight: Tensor, _ bias: Tensor?, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
    groups: Int = 1
) -> Tensor {
    guard x.rank == 3, weight.rank == 3 else {
        fail(
            "conv1d",
            "the input \(x.shape) and the weight \(weight.shape) do not fit: [batch, channels, length] and "
                + "[outputs, channels / groups, kernel] are needed")
    }
    // An image of one row.
    return conv2d(
        x.expandingDimension(at: 2), weight.expandingDimension(at: 2), bias, stride: (1, stride), padding: (0, padding),
        dilation: (1, dilation), groups: groups
    ).squeezed(2)
}
