internal import CKernels

extension Tensor {
    /// A tensor whose elements all have one value.
    public static func full(_ shape: Shape, _ value: Float) -> Tensor {
        let tensor = Tensor(uninitialized: shape)
        ballast_fill(shape.elementCount, value, tensor.storage.floats)
        return tensor
    }

    /// A tensor of zeros.
    public static func zeros(_ shape: Shape) -> Tensor { full(shape, 0) }

    /// A tensor of ones.
    public static func ones(_ shape: Shape) -> Tensor { full(shape, 1) }

    /// A tensor of numbers drawn uniformly from a range.
    ///
    /// - Parameters:
    ///   - shape: the tensor's shape.
    ///   - range: the range of the numbers.
    ///   - stream: the source of the numbers; the same stream gives the same numbers.
    public static func uniform(_ shape: Shape, in range: Range<Float> = 0..<1, from stream: RandomStream) -> Tensor {
        let tensor = Tensor(uninitialized: shape)
        ballast_random_uniform(
            stream.kernel, shape.elementCount, range.lowerBound, range.upperBound, tensor.storage.floats)
        return tensor
    }

    /// A tensor of numbers drawn from a normal distribution.
    ///
    /// - Parameters:
    ///   - shape: the tensor's shape.
    ///   - mean: the distribution's mean.
    ///   - deviation: its standard deviation.
    ///   - stream: the source of the numbers; the same stream gives the same numbers.
    public static func normal(
        _ shape: Shape, mean: Float = 0, deviation: Float = 1, from stream: RandomStream
    ) -> Tensor {
        let tensor = Tensor(uninitialized: shape)
        ballast_random_normal(stream.kernel, shape.elementCount, mean, deviation, tensor.storage.floats)
        return tensor
    }
}
