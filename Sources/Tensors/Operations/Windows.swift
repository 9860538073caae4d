/// The positions of a window along one axis of an image.
struct Windows {
    let kernel: Int
    let stride: Int
    let padding: Int
    let dilation: Int
    /// The number of positions.
    let count: Int

    /// The greatest size of anything along an axis.
    private static let limit = Int(Int32.max)

    init(
        _ size: Int, _ kernel: Int, _ stride: Int, _ padding: Int, _ dilation: Int, _ shape: Shape, _ name: StaticString
    ) {
        guard kernel > 0, stride > 0, dilation > 0, padding >= 0 else {
            fail(
                name,
                "kernel \(kernel), stride \(stride) and dilation \(dilation) must be positive, "
                    + "and padding \(padding) not negative (input \(shape))")
        }
        guard max(kernel, stride, dilation, padding) <= Windows.limit else {
            fail(
                name,
                "kernel \(kernel), stride \(stride), dilation \(dilation) and padding \(padding) must be at most "
                    + "\(Windows.limit) (input \(shape))")
        }
        // All of them are below 2^31, so that nothing here and in the kernels exceeds 2^63.
        let span = dilation * (kernel - 1) + 1
        guard size + 2 * padding <= Windows.limit else {
            fail(
                name,
                "\(size) with a padding of \(padding) at each side must be at most \(Windows.limit) (input \(shape))")
        }
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
