internal import CKernels

/// One operand of a batch of matrix products.
private struct Matrices {
    let pointer: UnsafeMutablePointer<Float>
    /// The distance from one matrix to the next; 0 if all products share one.
    let stride: Int
    let isTransposed: Bool

    init(_ tensor: Tensor, stride: Int, transposed: Bool) {
        pointer = tensor.storage.floats
        self.stride = stride
        isTransposed = transposed
    }
}

/// The sizes of a batch of matrix products C[m, n] = op(A)[m, k] op(B)[k, n].
private struct ProductSizes {
    let batch: Int
    let m: Int
    let n: Int
    let k: Int

    /// Computes the products; all of them add up where the output is shared.
    func multiply(
        _ a: Matrices, _ b: Matrices, accumulate: Bool, into c: UnsafeMutablePointer<Float>, stride: Int
    ) {
        if batch == 1 {
            product(a, b, 0, accumulate, c)
        } else if stride > 0 || m * n == 0 {
            ballast_gemm_batched(
                batch, a.isTransposed, b.isTransposed, m, n, k, 1, a.pointer, a.stride, b.pointer, b.stride,
                accumulate, c, stride)
        } else {
            if batch == 0, !accumulate { ballast_fill(m * n, 0, c) }
            for index in 0..<batch { product(a, b, index, accumulate || index > 0, c) }
        }
    }

    private func product(
        _ a: Matrices, _ b: Matrices, _ index: Int, _ accumulate: Bool, _ c: UnsafeMutablePointer<Float>
    ) {
        ballast_gemm(
            a.isTransposed, b.isTransposed, m, n, k, 1, a.pointer + index * a.stride, b.pointer + index * b.stride,
            nil, false, accumulate, c)
    }
}

/// The product of matrices, or of batches of them: the last two axes are multiplied, all others must agree.
///
/// - Parameters:
///   - a: `[..., m, k]`, or `[..., k, m]` if transposed.
///   - b: `[..., k, n]`, or `[..., n, k]` if transposed.
///   - transposeA: whether the last two axes of `a` are read exchanged.
///   - transposeB: whether the last two axes of `b` are read exchanged.
/// - Returns: `[..., m, n]`.
/// - Precondition: at least two axes each; the batch axes are equal, or one operand has none and is used for all.
public func matmul(_ a: Tensor, _ b: Tensor, transposeA: Bool = false, transposeB: Bool = false) -> Tensor {
    a.requireFloats("matmul")
    b.requireFloats("matmul")
    guard a.rank >= 2, b.rank >= 2, a.rank == 2 || b.rank == 2 || a.shape.dropLast(2) == b.shape.dropLast(2),
        a.shape[a.rank - (transposeA ? 2 : 1)] == b.shape[b.rank - (transposeB ? 1 : 2)]
    else {
        fail(
            "matmul",
            "the shapes \(a.shape)\(transposeA ? " (transposed)" : "") and \(b.shape)\(transposeB ? " (transposed)" : "")"
                + " cannot be multiplied: [..., m, k] and [..., k, n] with equal batches are needed")
    }
    let left = transposeA ? -1 : -2
    let (m, k) = (a.shape[a.rank + left], a.shape[a.rank - 3 - left])
    let n = b.shape[b.rank - (transposeB ? 2 : 1)]
    let leading = Shape((a.rank == 2 ? b : a).shape.dropLast(2))
    let shape = leading.appending(m, for: "matmul").appending(n, for: "matmul")
    if b.rank == 2, !transposeA {
        // The rows of all batches times one matrix: a single product.
        let sizes = ProductSizes(batch: 1, m: leading.elementCount * m, n: n, k: k)
        return product(a, b, transposeA, transposeB, sizes, shape)
    }
    let sizes = ProductSizes(batch: leading.elementCount, m: m, n: n, k: k)
    return product(a, b, transposeA, transposeB, sizes, shape)
}

private func product(
    _ a: Tensor, _ b: Tensor, _ transposeA: Bool, _ transposeB: Bool, _ sizes: ProductSizes, _ shape: Shape
) -> Tensor {
    let (m, n, k) = (sizes.m, sizes.n, sizes.k)
    let strideA = a.rank == 2 ? 0 : m * k
    let strideB = b.rank == 2 ? 0 : k * n
    let output = Tensor(uninitialized: shape)
    sizes.multiply(
        Matrices(a, stride: strideA, transposed: transposeA), Matrices(b, stride: strideB, transposed: transposeB),
        accumulate: false, into: output.storage.floats, stride: m * n)
    guard let tape = Tape.of(a, b) else { return output }
    let left = tape.slot(of: a)
    let right = tape.slot(of: b)
    let (a, b) = (a.detached, b.detached)
    return tape.record("matmul", output) { gradient, tape in
        // dA = dC op(B)^T and dB = op(A)^T dC, or their transposes where an operand was read transposed.
        tape.accumulate(into: left) { pointer, accumulate in
            let dC = Matrices(gradient, stride: m * n, transposed: transposeA)
            let b = Matrices(b, stride: strideB, transposed: transposeA == transposeB)
            let sizes = ProductSizes(
                batch: sizes.batch, m: transposeA ? k : m, n: transposeA ? m : k, k: n)
            sizes.multiply(
                transposeA ? b : dC, transposeA ? dC : b, accumulate: accumulate, into: pointer, stride: strideA)
        }
        tape.accumulate(into: right) { pointer, accumulate in
            let dC = Matrices(gradient, stride: m * n, transposed: transposeB)
            let a = Matrices(a, stride: strideA, transposed: transposeA == transposeB)
            let sizes = ProductSizes(
                batch: sizes.batch, m: transposeB ? n : k, n: transposeB ? k : n, k: m)
            sizes.multiply(
                transposeB ? dC : a, transposeB ? a : dC, accumulate: accumulate, into: pointer, stride: strideB)
        }
    }
}

/// x W + b, or its positive part: a fully connected layer as one operation.
///
/// - Parameters:
///   - x: `[..., in]`.
///   - weight: `[in, out]`.
///   - bias: `[out]`, or nil for none.
///   - relu: whether negative results become 0.
/// - Returns: `[..., out]`.
public func linear(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, relu: Bool = false) -> Tensor {
    x.requireFloats("linear")
    weight.requireFloats("linear")
    bias?.requireFloats("linear")
    guard x.rank >= 1, weight.rank == 2, x.shape[x.rank - 1] == weight.shape[0],
        bias?.rank ?? 1 == 1, bias?.elementCount ?? weight.shape[1] == weight.shape[1]
    else {
        fail(
            "linear",
            "the input \(x.shape) and the weight \(weight.shape) with the bias \(bias?.shape.description ?? "none")"
                + " do not fit: [..., in], [in, out] and [out] are needed")
    }
    let (inputs, outputs) = (weight.shape[0], weight.shape[1])
    var shape = x.shape
    shape.set(shape.rank - 1, to: outputs, for: "linear")
    let rows = x.shape.elementCount(in: 0..<x.rank - 1)
    let output = Tensor(uninitialized: shape)
    ballast_gemm(
        false, false, rows, outputs, inputs, 1, x.storage.floats, weight.storage.floats, bias?.storage.floats, relu,
        false, output.storage.floats)
    guard let tape = Tape.of(x, weight, bias) else { return output }
    let xSlot = tape.slot(of: x)
    let weightSlot = tape.slot(of: weight)
    let biasIndex = bias.flatMap { tape.index(of: $0) }
    let (x, weight) = (x.storage, weight.storage)
    let positive = relu ? output.detached : nil
    return tape.record("linear", output) { gradient, tape in
        let gradient = positive.map { gradient.throughReLU(output: $0) } ?? gradient
        let dy = gradient.storage.floats
        tape.accumulate(into: weightSlot) { pointer, accumulate in
            ballast_gemm(true, false, inputs, outputs, rows, 1, x.floats, dy, nil, false, accumulate, pointer)
        }
        tape.accumulate(into: xSlot) { pointer, accumulate in
            ballast_gemm(false, true, rows, inputs, outputs, 1, dy, weight.floats, nil, false, accumulate, pointer)
        }
        tape.accumulate(gradient, into: GradientSlot(index: biasIndex, shape: Shape(outputs)))
    }
}

extension Tensor {
    /// This gradient where the output of a ReLU is positive, 0 elsewhere.
    fileprivate func throughReLU(output: Tensor) -> Tensor {
        let result = Tensor(uninitialized: shape)
        ballast_unary_gradient(
            ballast_relu, elementCount, output.storage.floats, output.storage.floats, storage.floats, 0, false,
            result.storage.floats)
        return result
    }
}
