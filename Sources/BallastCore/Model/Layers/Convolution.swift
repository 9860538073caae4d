public import Tensors

/// A two-dimensional convolution (cross-correlation, as in every framework).
///
/// - Shape: input `[batch, in, height, width]`, output `[batch, out, height', width']` with
///   height' = ⌊(height + 2 padding − dilation (kernel − 1) − 1) / stride⌋ + 1; weight `[out, in / groups, kernel, kernel]`.
public struct Conv2d: Layer {
    /// The number of output channels.
    public let outputs: Int
    /// The size of the kernel, vertically and horizontally.
    public let kernel: (height: Int, width: Int)
    /// The step from one position to the next.
    public let stride: Int
    /// Zeros added at each side.
    public let padding: Int
    /// The distance between the kernel's elements.
    public let dilation: Int
    /// The number of groups of channels that do not mix.
    public let groups: Int
    /// Whether a bias is added.
    public let hasBias: Bool
    /// How the weight starts; PyTorch's default.
    public let weight: Initializer

    /// Its kind, `conv`.
    public var kind: String { "conv" }

    /// Creates a convolution with a square kernel.
    ///
    /// - Parameters:
    ///   - outputs: the number of output channels; positive, a multiple of `groups`.
    ///   - kernel: the height and width of the kernel, in pixels; positive.
    ///   - stride: the step from one position to the next, in pixels; positive.
    ///   - padding: zeros put on at each side, in pixels; not negative.
    ///   - dilation: the distance between the kernel's elements, in pixels; positive.
    ///   - groups: the number of groups of channels that do not mix; positive, and it divides the input's channels.
    ///   - hasBias: whether a bias is added.
    ///   - weight: how the weight starts.
    public init(
        _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1, groups: Int = 1,
        bias hasBias: Bool = true, weight: Initializer = .pytorch
    ) {
        require(
            outputs > 0 && kernel > 0 && stride > 0 && padding >= 0 && dilation > 0 && groups > 0
                && outputs % groups == 0,
            "Conv2d: outputs \(outputs), kernel \(kernel), stride \(stride), dilation \(dilation) and groups \(groups) must be positive, padding \(padding) not negative, and groups divide outputs"
        )
        self.outputs = outputs
        self.kernel = (kernel, kernel)
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        self.hasBias = hasBias
        self.weight = weight
    }

    /// Computes the output.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        guard x.rank == 4, x.shape[1] % groups == 0 else {
            fail(
                "conv2d", "needs [batch, channels, height, width] with channels that \(groups) divides, not \(x.shape)")
        }
        let shape: Shape = [outputs, x.shape[1] / groups, kernel.height, kernel.width]
        let weight = scope.parameter("weight", shape, initial: weight, unitAxis: 0)
        let bias =
            hasBias
            ? scope.parameter("bias", [outputs], initial: .pytorchBias(fanIn: Initializer.fans(shape).input)) : nil
        return conv2d(
            x, weight, bias, stride: (stride, stride), padding: (padding, padding), dilation: (dilation, dilation),
            groups: groups)
    }
}

/// The largest value of each window.
///
/// - Shape: input `[batch, channels, height, width]`, output `[batch, channels, height', width']` with
///   height' = ⌊(height + 2 padding − kernel) / stride⌋ + 1.
public struct MaxPool2d: Layer {
    /// The size of a window.
    public let kernel: Int
    /// The step from one window to the next.
    public let stride: Int
    /// The border that windows may reach over; it never wins.
    public let padding: Int

    /// Its kind, `maxPool`.
    public var kind: String { "maxPool" }

    /// Creates a pooling layer.
    ///
    /// - Parameters:
    ///   - kernel: the height and width of a window, in pixels; positive.
    ///   - stride: the step from one window to the next, in pixels; nil for that of the kernel.
    ///   - padding: the border that windows may reach over, in pixels; at most half the kernel.
    public init(_ kernel: Int, stride: Int? = nil, padding: Int = 0) {
        self.kernel = kernel
        self.stride = stride ?? kernel
        self.padding = padding
        requireWindow("MaxPool2d", kernel, self.stride, padding)
    }

    /// Computes the output.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        maxPool2d(x, kernel: (kernel, kernel), stride: (stride, stride), padding: (padding, padding))
    }
}

/// The mean of each window; padding counts as zeros.
///
/// - Shape: input `[batch, channels, height, width]`, output `[batch, channels, height', width']` with
///   height' = ⌊(height + 2 padding − kernel) / stride⌋ + 1.
public struct AveragePool2d: Layer {
    /// The size of a window.
    public let kernel: Int
    /// The step from one window to the next.
    public let stride: Int
    /// Zeros added at each side.
    public let padding: Int

    /// Its kind, `averagePool`.
    public var kind: String { "averagePool" }

    /// Creates a pooling layer.
    ///
    /// - Parameters:
    ///   - kernel: the height and width of a window, in pixels; positive.
    ///   - stride: the step from one window to the next, in pixels; nil for that of the kernel.
    ///   - padding: zeros put on at each side, in pixels; at most half the kernel.
    public init(_ kernel: Int, stride: Int? = nil, padding: Int = 0) {
        self.kernel = kernel
        self.stride = stride ?? kernel
        self.padding = padding
        requireWindow("AveragePool2d", kernel, self.stride, padding)
    }

    /// Computes the output.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        averagePool2d(x, kernel: (kernel, kernel), stride: (stride, stride), padding: (padding, padding))
    }
}

/// Refuses windows that make no sense, or of which one could lie in the padding alone.
private func requireWindow(_ layer: String, _ kernel: Int, _ stride: Int, _ padding: Int) {
    require(
        kernel > 0 && stride > 0 && padding >= 0 && padding * 2 <= kernel,
        "\(layer): kernel \(kernel) and stride \(stride) must be positive, padding \(padding) at most half the kernel")
}

/// The mean of each channel.
///
/// - Shape: input `[batch, channels, height, width]`, output `[batch, channels]`.
public struct GlobalAveragePool2d: Layer {
    /// Its kind, `globalPool`.
    public var kind: String { "globalPool" }

    /// Creates a pooling layer.
    public init() {}

    /// Computes the output.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor { globalAveragePool2d(x) }
}

/// Joins all dimensions from one on.
///
/// - Shape: input `[batch, ...]`, output `[batch, features]`.
public struct Flatten: Layer {
    /// The first dimension that is joined; 1 by default, so that the batch stays.
    public let from: Int

    /// Creates a flattening layer.
    public init(from: Int = 1) { self.from = from }

    /// Computes the output; the memory is shared.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor { x.flattened(from: from) }
}

/// Gives each sample another shape.
///
/// - Shape: `[batch, ...]`; the output is `[batch]` and the shape given, of as many elements.
public struct Reshape: Layer {
    /// The shape of a sample, without the batch.
    public let sample: Shape

    /// Creates a layer that makes `[batch] + sample` of its input.
    public init(_ sample: Shape) { self.sample = sample }

    /// Computes the output; the memory is shared.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        x.reshaped(to: Shape([x.shape.first ?? 1] + sample.dimensions))
    }
}
