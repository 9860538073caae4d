import Tensors

/// The operations that Fixtures/operations.json has samples of, under the names they have there.
enum OperationTable {
    typealias Operation = @Sendable ([Tensor]) -> Tensor

    static let all: [String: Operation] = [
        unary, binary, reductions, shaping, products, softmax, losses, images, normalization,
    ].reduce(into: [:]) { all, part in all.merge(part) { first, _ in first } }

    private static let unary: [String: Operation] = [
        "magnitude": { $0[0].magnitude() }, "sign": { $0[0].sign() }, "squared": { $0[0].squared() },
        "squareRoot": { $0[0].squareRoot() }, "reciprocalSquareRoot": { $0[0].reciprocalSquareRoot() },
        "reciprocal": { $0[0].reciprocal() }, "exp": { $0[0].exp() }, "log": { $0[0].log() },
        "sin": { $0[0].sin() }, "cos": { $0[0].cos() }, "tanh": { $0[0].tanh() }, "sigmoid": { $0[0].sigmoid() },
        "relu": { $0[0].relu() }, "leakyReLU": { $0[0].leakyReLU(slope: 0.2) }, "elu": { $0[0].elu(alpha: 1.5) },
        "gelu": { $0[0].gelu() }, "geluTanh": { $0[0].geluTanh() }, "silu": { $0[0].silu() },
        "softplus": { $0[0].softplus() }, "errorFunction": { $0[0].errorFunction() }, "floor": { $0[0].floor() },
        "rounded": { $0[0].rounded() }, "negated": { -$0[0] }, "clamped": { $0[0].clamped(to: -0.5...1) },
    ]

    private static let binary: [String: Operation] = [
        "add": { $0[0] + $0[1] }, "subtract": { $0[0] - $0[1] }, "multiply": { $0[0] * $0[1] },
        "divide": { $0[0] / $0[1] }, "power": { $0[0].power($0[1]) }, "greatest": { maximum($0[0], $0[1]) },
        "smallest": { minimum($0[0], $0[1]) },
        "numbers": { 1.5 - (((2.5 * $0[0] + 0.5) - 0.25) / 3 + 1.25) * 2 }, "quotientOfNumber": { 2 / $0[0] },
        "cubed": { $0[0].power(3) }, "powerOfMinusThreeHalves": { $0[0].power(-1.5) },
        "powerOfZero": { $0[0].power(0) }, "selfProduct": { $0[0] * $0[0] * $0[0] + $0[0] },
        "select": { Tensor.select($0[0], $0[1], $0[2]) },
        "greatestNumber": { maximum(-0.5, maximum($0[0], 0.25)) },
        "smallestNumber": { minimum(minimum(1, $0[0]), 0.5) },
        "clampedBelow": { $0[0].clamped(to: (-0.5)...) }, "clampedAbove": { $0[0].clamped(to: ...0.75) },
        "powerOfNumber": { power(1.7, $0[0]) },
    ]

    private static let reductions: [String: Operation] = [
        "sum": { $0[0].sum() }, "mean": { $0[0].mean() }, "variance": { $0[0].variance() },
        "sumOfSquares": { $0[0].sumOfSquares() }, "sumOfMagnitudes": { $0[0].sumOfMagnitudes() },
        "norm": { $0[0].norm() }, "largest": { $0[0].maximum() }, "least": { $0[0].minimum() },
        "sumFirst": { $0[0].sum(axes: [0]) }, "sumMiddle": { $0[0].sum(axes: [1], keepingDimensions: true) },
        "sumLast": { $0[0].sum(axes: [-1]) }, "meanOuter": { $0[0].mean(axes: [0, 2]) },
        "meanKept": { $0[0].mean(axes: [-1, 1], keepingDimensions: true) },
        "varianceLast": { $0[0].variance(axes: [-1]) },
        "varianceUnbiased": { $0[0].variance(axes: [0, 2], unbiased: true) },
        "largestLast": { $0[0].maximum(axes: [-1]) },
        "leastOuter": { $0[0].minimum(axes: [0, 2], keepingDimensions: true) },
    ]

    private static let shaping: [String: Operation] = [
        "transposed": { $0[0].transposed() }, "rotated": { $0[0].permuted([2, 0, 1]) },
        "flattenedRest": { $0[0].flattened(from: 1) },
        "middle": { $0[0].slice(axis: -1, 1..<$0[0].shape[2] - 1) }, "first": { $0[0][0] },
        "repeated": { x in
            let rows = x[0].reshaped(to: [-1, 1, x[0].shape[2]])
            return rows.broadcast(to: [rows.shape[0], 3, rows.shape[2]])
        },
        "joinedMiddle": { concatenated([$0[0], $0[1], $0[0]], axis: 1) },
        "stackedLast": { stacked([$0[0], $0[1]], axis: -1) },
        "splitProduct": { x in
            let parts = x[0].split(sizes: [2, 2, x[0].shape[2] - 4], axis: -1)
            return parts[0] * parts[1]
        },
        "gathered": { $0[0].gathered(rows: $0[1]) }, "embedding": { embedding($0[0], $0[1]) },
    ]

    private static let products: [String: Operation] = [
        "matmul": { matmul($0[0], $0[1]) }, "matmulA": { matmul($0[0], $0[1], transposeA: true) },
        "matmulB": { matmul($0[0], $0[1], transposeB: true) },
        "matmulAB": { matmul($0[0], $0[1], transposeA: true, transposeB: true) },
        "linear": { linear($0[0], $0[1], $0[2]) }, "linearWithoutBias": { linear($0[0], $0[1], nil) },
        "linearReLU": { linear($0[0], $0[1], $0[2], relu: true) },
    ]

    private static let softmax: [String: Operation] = [
        "softmax": { $0[0].softmax() }, "causalSoftmax": { $0[0].softmax(causal: true) },
        "logSoftmax": { $0[0].logSoftmax() }, "crossEntropy": { crossEntropy($0[0], $0[1]) },
        "crossEntropyPerRow": { crossEntropyPerRow($0[0], $0[1]) },
        "maskedSoftmax": { $0[0].softmax(mask: $0[1]) },
        "maskedCausalSoftmax": { $0[0].softmax(causal: true, mask: $0[1]) },
        "maskedAttention": { x in
            let scores = matmul(x[0], x[1], transposeB: true) / Float(x[0].shape[3]).squareRoot()
            return matmul(scores.softmax(mask: x[3]), x[2])
        },
    ]

    private static let losses: [String: Operation] = [
        "meanSquaredError": { meanSquaredError($0[0], $0[1]) },
        "scaledMeanSquaredError": { meanSquaredError($0[0], $0[1], scale: 0.5) },
        "meanAbsoluteError": { meanAbsoluteError($0[0], $0[1]) }, "huber": { huber($0[0], $0[1], delta: 0.7) },
        "binaryCrossEntropy": { binaryCrossEntropy($0[0], $0[1]) },
    ]

    private static let images: [String: Operation] = [
        "conv2d": { conv2d($0[0], $0[1], $0[2]) }, "conv2dWithoutBias": { conv2d($0[0], $0[1], nil) },
        "conv2dPadded": { conv2d($0[0], $0[1], $0[2], padding: (1, 2)) },
        "conv2dStrided": { conv2d($0[0], $0[1], $0[2], stride: (2, 3), padding: (1, 1)) },
        "conv2dDilated": { conv2d($0[0], $0[1], $0[2], padding: (2, 0), dilation: (2, 1)) },
        "conv2dUneven": {
            conv2d($0[0], $0[1], $0[2], stride: (1, 3), padding: (2, 1), dilation: (2, 1), groups: 2)
        },
        "conv1d": { conv1d($0[0], $0[1], $0[2]) }, "conv1dWithoutBias": { conv1d($0[0], $0[1], nil) },
        "conv1dEverything": { conv1d($0[0], $0[1], $0[2], stride: 3, padding: 4, dilation: 2, groups: 2) },
        "maxPool1d": { maxPool1d($0[0], kernel: 2) },
        "maxPool1dOverlapping": { maxPool1d($0[0], kernel: 3, stride: 2, padding: 1) },
        "conv2dGrouped": { conv2d($0[0], $0[1], $0[2], padding: (1, 1), groups: 2) },
        "maxPool2d": { maxPool2d($0[0], kernel: (2, 2)) },
        "maxPool2dOverlapping": { maxPool2d($0[0], kernel: (3, 3), stride: (2, 1), padding: (1, 0)) },
        "averagePool2d": { averagePool2d($0[0], kernel: (2, 3)) },
        "averagePool2dOverlapping": { averagePool2d($0[0], kernel: (3, 3), stride: (2, 1), padding: (1, 0)) },
        "globalAveragePool2d": { globalAveragePool2d($0[0]) },
    ]

    private static let normalization: [String: Operation] = [
        "batchNorm": { normalizedOutput($0, .channels(of: $0[0].shape)) },
        "batchNormPlain": { normalizedOutput([$0[0]], .channels(of: $0[0].shape)) },
        "batchNormFixed": {
            normalized(
                $0[0], .channels(of: $0[0].shape), mean: $0[3], variance: $0[4], weight: $0[1], bias: $0[2],
                epsilon: 1e-5)
        },
        "layerNorm": { normalizedOutput($0, .trailing(axes: 1, of: $0[0].shape)) },
        "layerNormTwoAxes": { normalizedOutput($0, .trailing(axes: 2, of: $0[0].shape)) },
        "rmsNorm": { normalizedOutput($0, .trailing(axes: 1, of: $0[0].shape), centered: false) },
        "groupNorm": { normalizedOutput($0, .groups(2, of: $0[0].shape)) },
    ]

    private static func normalizedOutput(
        _ x: [Tensor], _ geometry: NormalizationGeometry, centered: Bool = true
    ) -> Tensor {
        let weight = x.count > 1 ? x[1] : nil
        let bias = x.count > 2 ? x[2] : nil
        return normalized(x[0], geometry, weight: weight, bias: bias, epsilon: 1e-5, centered: centered).output
    }
}
