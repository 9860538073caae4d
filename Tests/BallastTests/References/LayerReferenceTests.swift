import Ballast
import Tensors
import Testing

/// Every layer, in a step of training, against `torch.nn`: output and gradients of the input and of all parameters.
@Suite struct LayerReferenceTests {
    private static let dense: [String: any Layer] = [
        "linear-one": Linear(1),
        "linear-primes": Linear(3),
        "linear-vectors": Linear(31),
        "linear-beyond-vectors": Linear(15),
        "linear-sequence": Linear(4),
        "linear-no-bias": Linear(17, bias: false),
        "linear-batch-of-one": Linear(32),
        "flatten-samples": Flatten(),
        "flatten-from-two": Flatten(from: 2),
        "embedding-repeated": Embedding(11, width: 7),
        "embedding-one": Embedding(3, width: 17),
        "positions-fewer": PositionalEmbedding(length: 7),
        "residual-linear": Residual {
            Linear(8)
            ReLU()
            Linear(17)
        },
        "attention-one": MultiHeadAttention(heads: 1),
        "attention-odd": MultiHeadAttention(heads: 3),
        "attention-vectors": MultiHeadAttention(heads: 4),
        "attention-one-causal": MultiHeadAttention(heads: 1, causal: true),
        "attention-odd-causal": MultiHeadAttention(heads: 3, causal: true),
        "attention-vectors-causal": MultiHeadAttention(heads: 4, causal: true),
    ]

    private static let convolution: [String: any Layer] = [
        "conv-one": Conv2d(1, kernel: 1),
        "conv-plain": Conv2d(3, kernel: 3),
        "conv-padded": Conv2d(5, kernel: 3, padding: 1),
        "conv-strided": Conv2d(4, kernel: 3, stride: 2, padding: 1),
        "conv-dilated": Conv2d(3, kernel: 3, padding: 2, dilation: 2),
        "conv-grouped": Conv2d(6, kernel: 3, padding: 1, groups: 2),
        "conv-depthwise": Conv2d(5, kernel: 3, groups: 5),
        "conv-no-bias": Conv2d(16, kernel: 2, bias: false),
        "conv-wide": Conv2d(5, kernel: 3),
        "conv-pointwise": Conv2d(7, kernel: 1),
        "conv-everything": Conv2d(6, kernel: 5, stride: 3, padding: 4, dilation: 2, groups: 2),
    ]

    private static let pooling: [String: any Layer] = [
        "maxPool-one": MaxPool2d(1),
        "maxPool-odd": MaxPool2d(2),
        "maxPool-overlapping": MaxPool2d(3, stride: 2, padding: 1),
        "maxPool-apart": MaxPool2d(2, stride: 3),
        "averagePool-one": AveragePool2d(1),
        "averagePool-odd": AveragePool2d(2),
        "averagePool-overlapping": AveragePool2d(3, stride: 2, padding: 1),
        "globalPool-odd": GlobalAveragePool2d(),
        "globalPool-vectors": GlobalAveragePool2d(),
    ]

    /// Layers that differ vertically and horizontally, and layers of sequences.
    private static let uneven: [String: any Layer] = [
        "conv-uneven": Conv2d(4, kernel: (2, 5)),
        "conv-uneven-everything": Conv2d(
            6, kernel: (5, 2), stride: (1, 3), padding: (4, 1), dilation: (2, 1), groups: 2),
        "conv1d-one": Conv1d(1, kernel: 1),
        "conv1d-plain": Conv1d(5, kernel: 4),
        "conv1d-no-bias": Conv1d(3, kernel: 3, bias: false),
        "conv1d-everything": Conv1d(6, kernel: 5, stride: 3, padding: 4, dilation: 2, groups: 2),
        "maxPool-uneven": MaxPool2d((2, 3)),
        "maxPool-uneven-overlapping": MaxPool2d((3, 2), stride: (2, 1), padding: (1, 0)),
        "maxPool1d-plain": MaxPool1d(2),
        "maxPool1d-overlapping": MaxPool1d(3, stride: 2, padding: 1),
        "averagePool-uneven": AveragePool2d((2, 3)),
        "averagePool-uneven-overlapping": AveragePool2d((3, 2), stride: (2, 1), padding: (1, 0)),
    ]

    /// Attention with a mask of its own.
    private struct MaskedAttention: Layer {
        let attention: MultiHeadAttention
        let mask: [Float]

        func forward(_ x: Tensor, in scope: Scope) -> Tensor {
            attention.forward(x, mask: Tensor(mask, shape: [x.shape[0], x.shape[1]]), in: scope)
        }
    }

    /// By the part of a case's name before the `+`.
    private static let activations: [String: any Layer] = [
        "relu": ReLU(),
        "leakyReLU": LeakyReLU(),
        "leakyReLU-steep": LeakyReLU(slope: 0.3),
        "elu": ELU(),
        "elu-half": ELU(alpha: 0.5),
        "gelu": GELU(),
        "gelu-approximate": GELU(approximate: true),
        "silu": SiLU(),
        "sigmoid": Sigmoid(),
        "tanh": Tanh(),
        "softplus": Softplus(),
        "softmax": Softmax(),
    ]

    /// Runs every case of a file, of which each name's part before a `+` is in the table.
    private func check(_ file: String, _ table: [String: any Layer]) throws {
        let fixtures = try TrainingFixtures(file)
        #expect(Set(fixtures.names.map { String($0.prefix { $0 != "+" }) }) == Set(table.keys))
        for name in fixtures.names {
            var layer = try #require(table[String(name.prefix { $0 != "+" })], "\(name)")
            let tensors = try fixtures.tensors(name)
            if let mask = tensors["mask"], let attention = layer as? MultiHeadAttention {
                layer = MaskedAttention(attention: attention, mask: mask.scalars)
            }
            func under(_ prefix: String) -> [String: Tensor] {
                Dictionary(
                    uniqueKeysWithValues: tensors.filter { $0.key.hasPrefix(prefix) }.map {
                        // The layers of a residual connection are a place of their own.
                        (
                            (name.hasPrefix("residual") ? "branch." : "") + String($0.key.dropFirst(prefix.count)),
                            $0.value
                        )
                    })
            }
            let output = try fixtures.tensor(name, "output")
            let result = try run(
                layer, on: fixtures.tensor(name, "input"), parameters: under("parameter."), output: output.shape)
            expectAgreement(result.output, output, "\(name): output")
            if let gradient = tensors["inputGradient"] {
                expectAgreement(result.gradients["input"], gradient, "\(name): gradient of the input")
            }
            let gradients = under("gradient.")
            let paths = result.gradients.keys.filter { $0 != "input" }.map { String($0.dropFirst(6)) }
            #expect(Set(paths) == Set(gradients.keys), "\(name): parameters")
            for (path, gradient) in gradients {
                expectAgreement(result.gradients["layer." + path], gradient, "\(name): gradient of \(path)")
            }
        }
    }

    @Test func `dense layers, embeddings, residuals and attention agree`() throws {
        try check("layers-dense", Self.dense)
    }

    @Test func `convolutions agree`() throws { try check("layers-convolution", Self.convolution) }

    @Test func `uneven convolutions and pooling, and those of sequences, agree`() throws {
        try check("layers-uneven", Self.uneven)
    }

    @Test func `attention agrees where positions are padding`() throws {
        let table = Self.dense.filter {
            ["attention-odd", "attention-vectors", "attention-odd-causal", "attention-vectors-causal"].contains($0.key)
        }
        try check("layers-masked", table)
    }

    @Test func `pooling agrees`() throws { try check("layers-pooling", Self.pooling) }

    @Test func `activations agree, far from zero too`() throws { try check("layers-activations", Self.activations) }
}
