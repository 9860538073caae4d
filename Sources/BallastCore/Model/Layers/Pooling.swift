public import Tensors

/// The largest value of each window.
///
/// - Shape: input `[batch, channels, height, width]`, output `[batch, channels, height', width']` with
///   height' = ⌊(height + 2 padding − kernel) / stride⌋ + 1.
public struct MaxPool2d: Layer {
    /// The size of a window.
    public let kernel: (height: Int, width: Int)
    /// The step from one window to the next.
    public let stride: (height: Int, width: Int)
    /// The border that windows may reach into; it is never the largest.
    public let padding: (height: Int, width: Int)

    /// Its kind, `maxPool`.
    public var kind: String { "maxPool" }

    /// Creates a pooling layer with square windows.
    ///
    /// - Parameters:
    ///   - kernel: the height and width of a window, in pixels; positive.
    ///   - stride: the step from one window to the next, in pixels; nil for that of the kernel.
    ///   - padding: the border that windows may reach into, in pixels; at most half the kernel.
    public init(_ kernel: Int, stride: Int? = nil, padding: Int = 0) {
        self.init((kernel, kernel), stride: stride.map { ($0, $0) }, padding: (padding, padding))
    }

    /// Creates a pooling layer that may differ vertically and horizontally.
    ///
    /// - Parameters:
    ///   - kernel: the size of a window, in pixels; positive.
    ///   - stride: the step from one window to the next, in pixels; nil for that of the kernel.
    ///   - padding: the border that windows may reach into, in pixels; at most half the kernel.
    public init(
        _ kernel: (height: Int, width: Int), stride: (height: Int, width: Int)? = nil,
        padding: (height: Int, width: Int) = (0, 0)
    ) {
        self.kernel = kernel
        self.stride = stride ?? kernel
        self.padding = padding
        requireWindow("MaxPool2d", kernel.height, self.stride.height, padding.height)
        requireWindow("MaxPool2d", kernel.width, self.stride.width, padding.width)
    }

    /// Computes the output.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        maxPool2d(x, kernel: kernel, stride: stride, padding: padding)
    }
}

/// The largest value of each window along a sequence.
///
/// - Shape: input `[batch, channels, length]`, output `[batch, channels, length']` with
///   length' = ⌊(length + 2 padding − kernel) / stride⌋ + 1.
public struct MaxPool1d: Layer {
    /// The size of a window.
    public let kernel: Int
    /// The step from one window to the next.
    public let stride: Int
    /// The border that windows may reach into; it is never the largest.
    public let padding: Int

    /// Its kind, `maxPool`.
    public var kind: String { "maxPool" }

    /// Creates a pooling layer.
    ///
    /// - Parameters:
    ///   - kernel: the size of a window, in positions; positive.
    ///   - stride: the step from one window to the next, in positions; nil for that of the kernel.
    ///   - padding: the border that windows may reach into, in positions; at most half the kernel.
    public init(_ kernel: Int, stride: Int? = nil, padding: Int = 0) {
        self.kernel = kernel
        self.stride = stride ?? kernel
        self.padding = padding
        requireWindow("MaxPool1d", kernel, self.stride, padding)
    }

    /// Computes the output.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        maxPool1d(x, kernel: kernel, stride: stride, padding: padding)
    }
}

/// The mean of each window; padding counts as zeros.
///
/// - Shape: input `[batch, channels, height, width]`, output `[batch, channels, height', width']` with
///   height' = ⌊(height + 2 padding − kernel) / stride⌋ + 1.
public struct AveragePool2d: Layer {
    /// The size of a window.
    public let kernel: (height: Int, width: Int)
    /// The step from one window to the next.
    public let stride: (height: Int, width: Int)
    /// Zeros added at each side.
    public let padding: (height: Int, width: Int)

    /// Its kind, `averagePool`.
    public var kind: String { "averagePool" }

    /// Creates a pooling layer with square windows.
    ///
    /// - Parameters:
    ///   - kernel: the height and width of a window, in pixels; positive.
    ///   - stride: the step from one window to the next, in pixels; nil for that of the kernel.
    ///   - padding: zeros added at each side, in pixels; at most half the kernel.
    public init(_ kernel: Int, stride: Int? = nil, padding: Int = 0) {
        self.init((kernel, kernel), stride: stride.map { ($0, $0) }, padding: (padding, padding))
    }

    /// Creates a pooling layer that may differ vertically and horizontally.
    ///
    /// - Parameters:
    ///   - kernel: the size of a window, in pixels; positive.
    ///   - stride: the step from one window to the next, in pixels; nil for that of the kernel.
    ///   - padding: zeros added at each side, in pixels; at most half the kernel.
    public init(
        _ kernel: (height: Int, width: Int), stride: (height: Int, width: Int)? = nil,
        padding: (height: Int, width: Int) = (0, 0)
    ) {
        self.kernel = kernel
        self.stride = stride ?? kernel
        self.padding = padding
        requireWindow("AveragePool2d", kernel.height, self.stride.height, padding.height)
        requireWindow("AveragePool2d", kernel.width, self.stride.width, padding.width)
    }

    /// Computes the output.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        averagePool2d(x, kernel: kernel, stride: stride, padding: padding)
    }
}

/// Refuses windows that make no sense, or of which one could lie in the padding alone.
private func requireWindow(_ layer: String, _ kernel: Int, _ stride: Int, _ padding: Int) {
    require(
        kernel > 0 && stride > 0 && padding >= 0 && padding <= kernel / 2,
        "\(layer): kernel \(kernel) and stride \(stride) must be positive, padding \(padding) at most half the kernel")
    require(
        max(kernel, stride) <= Int(Int32.max),
        "\(layer): kernel \(kernel) and stride \(stride) must be at most \(Int32.max)")
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
