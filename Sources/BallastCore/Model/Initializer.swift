public import Tensors

/// How a parameter starts.
///
/// Fan-in and fan-out are read off the shape: `[in, out]` for a matrix, `[out, in, height, width]` for a convolution.
public struct Initializer: Sendable {
    let name: String
    let values: @Sendable (Shape, RandomStream) -> Tensor

    /// Creates your own initializer: a function of the shape and a random stream.
    ///
    /// - Parameters:
    ///   - name: its name, for descriptions.
    ///   - values: returns the values of a parameter of a shape; the stream is a function of (seed, path).
    public init(_ name: String, _ values: @escaping @Sendable (_ shape: Shape, _ stream: RandomStream) -> Tensor) {
        self.name = name
        self.values = values
    }

    /// The number of inputs and outputs that meet at one unit of a parameter of a shape.
    public static func fans(_ shape: Shape) -> (input: Int, output: Int) {
        switch shape.rank {
        case 0: return (1, 1)
        case 1: return (shape[0], shape[0])
        case 2: return (shape[0], shape[1])
        default:
            let field = shape.elementCount(in: 2..<shape.rank)
            return (shape[1] * field, shape[0] * field)
        }
    }

    /// All zeros.
    public static let zeros = constant(0)
    /// All ones.
    public static let ones = constant(1)
    /// All of one value.
    public static func constant(_ value: Float) -> Initializer {
        Initializer("constant(\(value))") { shape, _ in .full(shape, value) }
    }

    /// Given values, in row-major order.
    ///
    /// - Precondition: as many values as the parameter has elements.
    public static func values(_ scalars: [Float]) -> Initializer {
        Initializer("values") { shape, _ in Tensor(scalars, shape: shape) }
    }

    /// Normal with a mean and a standard deviation.
    public static func normal(mean: Float = 0, deviation: Float = 1) -> Initializer {
        Initializer("normal(\(mean), \(deviation))") { .normal($0, mean: mean, deviation: deviation, from: $1) }
    }

    /// Uniform between -bound and bound.
    public static func uniform(bound: Float) -> Initializer {
        Initializer("uniform(\(bound))") { .uniform($0, in: -bound..<bound.nextUp, from: $1) }
    }

    /// Normal, with values drawn again that lie beyond `cut` standard deviations (before truncation) of the mean.
    public static func truncatedNormal(mean: Float = 0, deviation: Float = 1, cut: Float = 2) -> Initializer {
        require(cut > 0, "truncatedNormal: cut must be positive but is \(cut)")
        return Initializer("truncatedNormal(\(mean), \(deviation))") { shape, stream in
            truncated(shape, mean: mean, deviation: deviation, cut: cut, from: stream)
        }
    }

    /// Uniform with variance 2 / (fan-in + fan-out) times gain² (Glorot & Bengio, 2010).
    public static func xavierUniform(gain: Float = 1) -> Initializer {
        Initializer("xavierUniform") { shape, stream in
            let fans = fans(shape)
            let bound = gain * (6 / Float(max(fans.input + fans.output, 1))).squareRoot()
            return .uniform(shape, in: -bound..<bound.nextUp, from: stream)
        }
    }

    /// Normal with variance 2 / (fan-in + fan-out) times gain² (Glorot & Bengio, 2010).
    public static func xavierNormal(gain: Float = 1) -> Initializer {
        Initializer("xavierNormal") { shape, stream in
            let fans = fans(shape)
            let deviation = gain * (2 / Float(max(fans.input + fans.output, 1))).squareRoot()
            return .normal(shape, deviation: deviation, from: stream)
        }
    }

    /// Uniform with variance gain² / fan-in; gain² = 2 suits rectifiers (He et al., 2015).
    public static func heUniform(gain: Float = Float(2).squareRoot()) -> Initializer {
        Initializer("heUniform") { shape, stream in
            let bound = gain * (3 / Float(max(fans(shape).input, 1))).squareRoot()
            return .uniform(shape, in: -bound..<bound.nextUp, from: stream)
        }
    }

    /// Normal with variance gain² / fan-in; gain² = 2 suits rectifiers (He et al., 2015).
    public static func heNormal(gain: Float = Float(2).squareRoot()) -> Initializer {
        Initializer("heNormal") { shape, stream in
            .normal(shape, deviation: gain / Float(max(fans(shape).input, 1)).squareRoot(), from: stream)
        }
    }

    /// Uniform with variance 1 / fan-in (LeCun et al., 1998).
    public static let lecunUniform = heUniform(gain: 1)
    /// Normal with variance 1 / fan-in (LeCun et al., 1998).
    public static let lecunNormal = heNormal(gain: 1)

    /// PyTorch's default for the weights of linear and convolution layers: uniform within ±1/√fan-in
    /// (`kaiming_uniform_` with a = √5).
    public static let pytorch = Initializer("pytorch") { shape, stream in
        let bound = 1 / Float(max(fans(shape).input, 1)).squareRoot()
        return .uniform(shape, in: -bound..<bound.nextUp, from: stream)
    }

    /// PyTorch's default for the biases of linear and convolution layers: uniform within ±1/√fan-in of the weights.
    public static func pytorchBias(fanIn: Int) -> Initializer {
        uniform(bound: fanIn > 0 ? 1 / Float(fanIn).squareRoot() : 0)
    }

    /// Orthogonal rows or columns, whichever are fewer, times a gain (Saxe et al., 2014). The first dimension makes
    /// the rows, all others together the columns.
    public static func orthogonal(gain: Float = 1) -> Initializer {
        Initializer("orthogonal") { shape, stream in
            let rows = shape.rank == 0 ? 1 : shape[0]
            let columns = shape.rank == 0 ? 1 : shape.elementCount / max(rows, 1)
            return Tensor(orthogonalMatrix(rows, columns, gain, stream), shape: shape)
        }
    }

    private static func truncated(
        _ shape: Shape, mean: Float, deviation: Float, cut: Float, from stream: RandomStream
    ) -> Tensor {
        var result = [Float]()
        result.reserveCapacity(shape.elementCount)
        var round: UInt64 = 0
        while result.count < shape.elementCount {
            let drawn = Tensor.normal([max(shape.elementCount, 16)], from: stream.at(round)).scalars
            for value in drawn where abs(value) <= cut && result.count < shape.elementCount {
                result.append(mean + deviation * value)
            }
            round += 1
        }
        return Tensor(result, shape: shape)
    }

    /// Gram-Schmidt, twice over, on normal vectors.
    private static func orthogonalMatrix(_ rows: Int, _ columns: Int, _ gain: Float, _ stream: RandomStream) -> [Float]
    {
        let (count, length) = (min(rows, columns), max(rows, columns))
        let drawn = Tensor.normal([count, max(length, 1)], from: stream).scalars.map(Double.init)
        var vectors: [[Double]] = []
        for index in 0..<count {
            var vector = Array(drawn[index * length..<(index + 1) * length])
            for _ in 0..<2 {
                for other in vectors {
                    let product = zip(vector, other).reduce(0) { $0 + $1.0 * $1.1 }
                    for position in 0..<length { vector[position] -= product * other[position] }
                }
            }
            let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            vectors.append(vector.map { $0 / norm })
        }
        var result = [Float](repeating: 0, count: rows * columns)
        for row in 0..<rows {
            for column in 0..<columns {
                let value = rows <= columns ? vectors[row][column] : vectors[column][row]
                result[row * columns + column] = gain * Float(value)
            }
        }
        return result
    }
}
