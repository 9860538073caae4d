public import Tensors

/// A two-dimensional convolution (cross-correlation, as in every framework).
///
/// - Shape: input `[batch, in, height, width]`, output `[batch, out, height', width']` with
///   height' = ⌊(height + 2 padding − dilation (kernel − 1) − 1) / stride⌋ + 1; weight
///   `[out, in / groups, kernel height, kernel width]`.
public struct Conv2d: Layer {
    /// The number of output channels.
    public let outputs: Int
    /// The size of the kernel.
    public let kernel: (height: Int, width: Int)
    /// The step from one position to the next.
    public let stride: (height: Int, width: Int)
    /// Zeros added at each side: above and below, left and right.
    public let padding: (height: Int, width: Int)
    /// The distance between the kernel's elements.
    public let dilation: (height: Int, width: Int)
    /// The number of groups of channels that do not mix.
    public let groups: Int
    /// Whether a bias is added.
    public let hasBias: Bool
    /// How the weight starts; PyTorch's default.
    public let weight: Initializer

    /// Its kind, `conv`.
    public var kind: String { "conv" }

    /// Creates a convolution that is alike in both directions.
    ///
    /// - Parameters:
    ///   - outputs: the number of output channels; positive, a multiple of `groups`.
    ///   - kernel: the height and width of the kernel, in pixels; positive.
    ///   - stride: the step from one position to the next, in pixels; positive.
    ///   - padding: zeros added at each side, in pixels; not negative.
    ///   - dilation: the distance between the kernel's elements, in pixels; positive.
    ///   - groups: the number of groups of channels that do not mix; positive, and it divides the input's channels.
    ///   - hasBias: whether a bias is added.
    ///   - weight: how the weight starts.
    public init(
        _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1, groups: Int = 1,
        bias hasBias: Bool = true, weight: Initializer = .pytorch
    ) {
        self.init(
            outputs, kernel: (kernel, kernel), stride: (stride, stride), padding: (padding, padding),
            dilation: (dilation, dilation), groups: groups, bias: hasBias, weight: weight)
    }

    /// Creates a convolution that may differ vertically and horizontally.
    ///
    /// - Parameters:
    ///   - outputs: the number of output channels; positive, a multiple of `groups`.
    ///   - kernel: the size of the kernel, in pixels; positive.
    ///   - stride: the step from one position to the next, in pixels; positive.
    ///   - padding: zeros added at each side, in pixels; not negative.
    ///   - dilation: the distance between the kernel's elements, in pixels; positive.
    ///   - groups: the number of groups of channels that do not mix; positive, and it divides the input's channels.
    ///   - hasBias: whether a bias is added.
    ///   - weight: how the weight starts.
    public init(
        _ outputs: Int, kernel: (height: Int, width: Int), stride: (height: Int, width: Int) = (1, 1),
        padding: (height: Int, width: Int) = (0, 0), dilation: (height: Int, width: Int) = (1, 1), groups: Int = 1,
        bias hasBias: Bool = true, weight: Initializer = .pytorch
    ) {
        for (kernel, stride, padding, dilation) in [
            (kernel.height, stride.height, padding.height, dilation.height),
            (kernel.width, stride.width, padding.width, dilation.width),
        ] {
            requireConvolution("Conv2d", outputs, kernel, stride, padding, dilation, groups)
        }
        self.outputs = outputs
        self.kernel = kernel
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
        let (weight, bias) = convolutionParameters(shape, weight, hasBias: hasBias, in: scope)
        return conv2d(x, weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
    }
}

/// A one-dimensional convolution (cross-correlation, as in every framework), for sequences.
///
/// - Shape: input `[batch, in, length]`, output `[batch, out, length']` with
///   length' = ⌊(length + 2 padding − dilation (kernel − 1) − 1) / stride⌋ + 1; weight `[out, in / groups, kernel]`.
public struct Conv1d: Layer {
    /// The number of output channels.
    public let outputs: Int
    /// The length of the kernel.
    public let kernel: Int
    /// The step from one position to the next.
    public let stride: Int
    /// Zeros added at each end.
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

    /// Creates a convolution.
    ///
    /// - Parameters:
    ///   - outputs: the number of output channels; positive, a multiple of `groups`.
    ///   - kernel: the length of the kernel, in positions; positive.
    ///   - stride: the step from one position to the next, in positions; positive.
    ///   - padding: zeros added at each end, in positions; not negative.
    ///   - dilation: the distance between the kernel's elements, in positions; positive.
    ///   - groups: the number of groups of channels that do not mix; positive, and it divides the input's channels.
    ///   - hasBias: whether a bias is added.
    ///   - weight: how the weight starts.
    public init(
        _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1, groups: Int = 1,
        bias hasBias: Bool = true, weight: Initializer = .pytorch
    ) {
        requireConvolution("Conv1d", outputs, kernel, stride, padding, dilation, groups)
        self.outputs = outputs
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        self.hasBias = hasBias
        self.weight = weight
    }

    /// Computes the output.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        guard x.rank == 3, x.shape[1] % groups == 0 else {
            fail("conv1d", "needs [batch, channels, length] with channels that \(groups) divides, not \(x.shape)")
        }
        let shape: Shape = [outputs, x.shape[1] / groups, kernel]
        let (weight, bias) = convolutionParameters(shape, weight, hasBias: hasBias, in: scope)
        return conv1d(x, weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
    }
}

/// Refuses hyper-parameters that make no sense, in one direction.
private func requireConvolution(
    _ layer: String, _ outputs: Int, _ kernel: Int, _ stride: Int, _ padding: Int, _ dilation: Int, _ groups: Int
) {
    require(
        outputs > 0 && kernel > 0 && stride > 0 && padding >= 0 && dilation > 0 && groups > 0 && outputs % groups == 0,
        "\(layer): outputs \(outputs), kernel \(kernel), stride \(stride), dilation \(dilation) and groups \(groups) must be positive, padding \(padding) not negative, and groups divide outputs"
    )
    require(
        max(outputs, kernel, stride, padding, dilation) <= Int(Int32.max),
        "\(layer): outputs \(outputs), kernel \(kernel), stride \(stride), dilation \(dilation) and padding \(padding) must be at most \(Int32.max)"
    )
}

/// The weight and the bias of a convolution.
private func convolutionParameters(
    _ shape: Shape, _ initial: Initializer, hasBias: Bool, in scope: Scope
) -> (weight: Tensor, bias: Tensor?) {
    let weight = scope.parameter("weight", shape, initial: initial, unitAxis: 0)
    let biasInitial = Initializer.pytorchBias(fanIn: Initializer.fans(shape).input)
    return (weight, hasBias ? scope.parameter("bias", [shape[0]], initial: biasInitial) : nil)
}
