internal import CKernels
internal import Foundation

// Draws that need a varying number of words. Each attempt of each element has its own eight words of the stream, so that
// a draw depends on (seed, purpose, index, element) alone, like every other number of a stream.

extension RandomStream {
    /// A number drawn from a gamma distribution with the scale 1, by the method of Marsaglia & Tsang (2000).
    ///
    /// - Parameters:
    ///   - alpha: the distribution's shape parameter, which is its mean and variance; positive and finite. Below about
    ///     0.02 many draws are too small for a `Float` and become 0.
    ///   - element: the position of the draw in the stream, in `0..<2^40`.
    public func gamma(_ alpha: Float, element: Int = 0) -> Float {
        requireGamma("gamma", [alpha], element)
        return Float(exp(logarithmOfGamma(Double(alpha), element)))
    }

    /// A number in `0...1` drawn from a beta distribution: X / (X + Y) of two gamma draws X and Y.
    ///
    /// The quotient is computed from logarithms: for small parameters, where both draws underflow, the result tends to 0
    /// or 1 with the right probabilities. α = β = 1 is the uniform distribution, α = β = 1/2 that of sin²(πu/2).
    ///
    /// - Parameters:
    ///   - alpha: the exponent of x plus one in the density x^(α-1) (1-x)^(β-1); positive and finite.
    ///   - beta: the exponent of 1 - x plus one; positive and finite.
    ///   - element: the position of the draw in the stream, in `0..<2^40`.
    public func beta(_ alpha: Float, _ beta: Float, element: Int = 0) -> Float {
        requireGamma("beta", [alpha, beta], element)
        if alpha == beta, alpha == 1 || alpha == 0.5 {
            let uniform = Attempt(0, of: element, from: self).uniform
            let sine = alpha == 1 ? 0 : sin(.pi / 2 * uniform)
            return Float(alpha == 1 ? uniform : sine * sine)
        }
        let x = branch(0).logarithmOfGamma(Double(alpha), element)
        let y = branch(1).logarithmOfGamma(Double(beta), element)
        return Float(1 / (1 + exp(y - x)))
    }

    /// Numbers that add up to 1, drawn from a Dirichlet distribution: gamma draws divided by their sum.
    ///
    /// - Parameters:
    ///   - alphas: the parameter of each number; positive and finite, at least one. All 1: uniform over all mixtures.
    ///   - element: the position of the draw in the stream, in `0..<2^40`.
    /// - Returns: as many numbers as there are parameters, each in `0...1`.
    public func dirichlet(_ alphas: [Float], element: Int = 0) -> [Float] {
        requireGamma("dirichlet", alphas, element)
        let logarithms = alphas.enumerated().map { branch($0).logarithmOfGamma(Double($1), element) }
        let greatest = logarithms.max() ?? 0
        let parts = logarithms.map { exp($0 - greatest) }
        let sum = parts.reduce(0, +)
        return parts.map { Float($0 / sum) }
    }

    fileprivate func requireGamma(_ name: StaticString, _ alphas: [Float], _ element: Int = 0) {
        guard !alphas.isEmpty, alphas.allSatisfy({ $0 >= .leastNormalMagnitude && $0.isFinite }) else {
            // Threads of the kernels take subnormal numbers for zero.
            fail(
                name,
                "the parameters must be positive and finite (at least \(Float.leastNormalMagnitude)), and at least one is needed, but they are \(alphas)"
            )
        }
        guard 0..<1 << 40 ~= element else { fail(name, "the element must be in 0..<2^40 but is \(element)") }
    }

    /// The logarithm of a gamma draw, which is finite where the draw itself underflows.
    private func logarithmOfGamma(_ alpha: Double, _ element: Int) -> Double {
        // A draw for alpha + 1 times u^(1/alpha) is one for alpha.
        guard alpha >= 1 else {
            return logarithmOfGamma(alpha + 1, element) + log(Attempt(0, of: element, from: self).boost) / alpha
        }
        let d = alpha - 1 / 3.0
        let c = 1 / (9 * d).squareRoot()
        var number = 0
        while true {
            let attempt = Attempt(number, of: element, from: self)
            let x = attempt.normal
            let t = c * x
            // v = (1 + t)³; accepted if log u < x²/2 + d (1 - v + log v).
            if t > -1, log(attempt.acceptance) < x * x / 2 + d * (3 * log1p(t) - t * (3 + t * (3 + t))) {
                return log(d) + 3 * log1p(t)
            }
            number += 1
        }
    }
}

/// The random numbers of one attempt to draw an element.
private struct Attempt {
    private let words: (UInt64, UInt64, UInt64, UInt64)

    init(_ number: Int, of element: Int, from stream: RandomStream) {
        words = withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 8) { words in
            // More than 2^20 attempts are as good as impossible: each succeeds with a probability above 0.95.
            let position = (UInt64(element) << 20 &+ UInt64(number)) &* 8
            if let base = words.baseAddress { ballast_random_words(stream.kernel, position, 8, base) }
            func pair(_ index: Int) -> UInt64 { UInt64(words[index]) << 32 | UInt64(words[index + 1]) }
            return (pair(0), pair(2), pair(4), pair(6))
        }
    }

    /// Uniform in `0..<1`, neither end included.
    private static func open(_ word: UInt64) -> Double { (Double(word >> 12) + 0.5) * 0x1p-52 }

    var uniform: Double { Attempt.open(words.0) }
    var acceptance: Double { Attempt.open(words.2) }
    var boost: Double { Attempt.open(words.3) }

    /// Standard normal (Box & Muller, 1958).
    var normal: Double {
        (-2 * log(Attempt.open(words.0))).squareRoot() * cos(2 * .pi * Attempt.open(words.1))
    }
}

extension Tensor {
    /// A tensor of numbers drawn from a gamma distribution with the scale 1; element i is that of
    /// ``RandomStream/gamma(_:element:)``.
    ///
    /// - Parameters:
    ///   - shape: the tensor's shape.
    ///   - alpha: the distribution's shape parameter; positive and finite.
    ///   - stream: the source of the numbers; the same stream gives the same numbers.
    public static func gamma(_ shape: Shape, alpha: Float, from stream: RandomStream) -> Tensor {
        stream.requireGamma("gamma", [alpha])
        return drawn(shape) { element, output in output[0] = stream.gamma(alpha, element: element) }
    }

    /// A tensor of numbers drawn from a beta distribution; element i is that of ``RandomStream/beta(_:_:element:)``.
    ///
    /// - Parameters:
    ///   - shape: the tensor's shape.
    ///   - alpha: the distribution's first parameter; positive and finite.
    ///   - beta: the second one; positive and finite.
    ///   - stream: the source of the numbers; the same stream gives the same numbers.
    public static func beta(_ shape: Shape, alpha: Float, beta: Float, from stream: RandomStream) -> Tensor {
        stream.requireGamma("beta", [alpha, beta])
        return drawn(shape) { element, output in output[0] = stream.beta(alpha, beta, element: element) }
    }

    /// Rows that add up to 1, drawn from a Dirichlet distribution; row i is that of
    /// ``RandomStream/dirichlet(_:element:)``.
    ///
    /// - Parameters:
    ///   - rows: the number of draws; not negative.
    ///   - alphas: the parameter of each column; positive and finite, at least one.
    ///   - stream: the source of the numbers; the same stream gives the same numbers.
    /// - Returns: `[rows, alphas.count]`.
    public static func dirichlet(_ rows: Int, alphas: [Float], from stream: RandomStream) -> Tensor {
        stream.requireGamma("dirichlet", alphas)
        let columns = alphas.count
        return drawn(Shape([rows, columns], for: "dirichlet"), inRowsOf: columns) { row, output in
            let numbers = stream.dirichlet(alphas, element: row)
            for column in 0..<columns { output[column] = numbers[column] }
        }
    }

    /// A tensor whose rows of `width` elements are drawn independently, on several threads.
    private static func drawn(
        _ shape: Shape, inRowsOf width: Int = 1, _ draw: @Sendable (Int, UnsafeMutablePointer<Float>) -> Void
    ) -> Tensor {
        let tensor = Tensor(uninitialized: shape)
        nonisolated(unsafe) let output = tensor.storage.floats  // each call writes its own rows
        parallelFor(count: shape.elementCount / max(width, 1), grain: 256) { rows in
            for row in rows { draw(row, output + row * width) }
        }
        return tensor
    }
}
