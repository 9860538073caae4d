import BallastPlugins

/// A training task that Ballast and its peers are timed on: same shapes, batch sizes, optimizer and regularization.
struct Workload: Sendable {
    let name: String
    let summary: String
    /// The number of steps that are timed together.
    let window: Int
    let make: @Sendable () throws -> (trainer: Trainer, data: Dataset)

    static let all = [mlp, regression, linearDecay, convolution, transformer]

    /// The multilayer perceptron of ``mlp``, without its regularization.
    static let perceptron = Sequential {
        Flatten()
        Linear(256); ReLU()
        Linear(128); ReLU()
        Linear(10)
    }

    static let mlp = Workload(
        name: "fmnist-mlp",
        summary: "784-256-128-10, ReLU, dropout 0.3/0.5, Adam 1e-3, batch 128, cross-entropy", window: 468
    ) {
        let trainer = Trainer(
            perceptron, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3), metrics: [], batchSize: 128
        ) {
            Dropout(0.3, at: .after("relu1"), named: "dropout1")
            Dropout(0.5, at: .after("relu2"), named: "dropout2")
        }
        return (trainer, try fashionMNIST())
    }

    static let regression = Workload(
        name: "regression",
        summary: "1-100-1, dropout 0.5 after the first linear layer, Adam 1e-2, batch 10, squared error, 20 samples",
        window: 2_000
    ) {
        let model = Sequential {
            Linear(100); ReLU()
            Linear(1)
        }
        let trainer = Trainer(model, loss: .meanSquaredError, optimizer: Adam(learningRate: 1e-2), batchSize: 10) {
            Dropout(0.5, at: .after("linear1"))
        }
        let x = (0..<20).map { Float($0) / 9.5 - 1 }
        let noise = Tensor.normal([20], deviation: 0.4, from: RandomStream(seed: 0, purpose: "noise")).scalars
        let y = zip(x, noise).map { $0 + $1 }
        let data = try Dataset(
            inputs: Column(floats: x, itemShape: [1]), targets: Column(floats: y, itemShape: [1]))
        return (trainer, data)
    }

    static let linearDecay = Workload(
        name: "linear-decay",
        summary: "200-1 linear, SGD 0.003, batch 5, squared error / 2 + 3 ‖w‖² / 2, 20 samples", window: 4_000
    ) {
        let trainer = Trainer(
            Sequential { Linear(1) }, loss: .meanSquaredError(scale: 0.5), optimizer: SGD(learningRate: 0.003),
            batchSize: 5
        ) {
            L2(3)
        }
        let stream = RandomStream(seed: 0, purpose: "data")
        let x = Tensor.normal([20, 200], from: stream)
        let y = x.sum(axes: [1]) * 0.01 + 0.05 + Tensor.normal([20], deviation: 0.01, from: stream.at(1))
        let data = try Dataset(
            inputs: Column(floats: x.scalars, itemShape: [200]), targets: Column(floats: y.scalars, itemShape: [1]))
        return (trainer, data)
    }

    static let convolution = Workload(
        name: "fmnist-cnn",
        summary:
            "two 3x3 convolutions with batch norm and pooling, 128 units, dropout 0.5, augmentation, SGD, batch 128",
        window: 20
    ) {
        let model = Sequential {
            Conv2d(32, kernel: 3, padding: 1); ReLU(); MaxPool2d(2)
            Conv2d(64, kernel: 3, padding: 1); ReLU(); MaxPool2d(2)
            Flatten()
            Linear(128); ReLU()
            Linear(10)
        }
        let trainer = Trainer(
            model, loss: .crossEntropy, optimizer: SGD(learningRate: 0.05, momentum: 0.9), metrics: [], batchSize: 128
        ) {
            DataAugmentation(
                .horizontalFlip(), .rotation(degrees: 10), .translation(pixels: 2), fill: -1, range: -1...1)
            BatchNorm(at: .after(.kind("conv")))
            Dropout(0.5, at: .after("relu3"))
            L2(5e-4, on: .all)
        }
        return (trainer, try fashionMNIST())
    }

    static let transformer = Workload(
        name: "transformer",
        summary:
            "2 pre-norm blocks, RMS norm, width 256, 4 heads, causal, 128 tokens, GELU, dropout 0.1, AdamW, batch 16",
        window: 8
    ) {
        let model = Sequential {
            Embedding(256, width: 256)
            PositionalEmbedding(length: 128)
            for _ in 0..<2 {
                Residual { MultiHeadAttention(heads: 4, causal: true) }
                Residual {
                    Linear(1024); GELU(); Linear(256)
                }
            }
            Linear(256).named("head")
        }
        let trainer = Trainer(
            model, loss: .crossEntropy, optimizer: Adam(learningRate: 3e-4), metrics: [], batchSize: 16
        ) {
            RMSNorm(at: .before(.kind("attention")), .before("residual*.branch.linear1"), .before("head"))
            Dropout(0.1, at: .after(.kind("attention")), named: "attentionDropout")
            Dropout(0.1, at: .after("residual*.branch.linear2"), named: "feedForwardDropout")
            DecoupledDecay(0.1, on: .all)
        }
        let words = RandomStream(seed: 0, purpose: "tokens").words(512 * 129).map { Int32($0 & 255) }
        var inputs: [Int32] = []
        var targets: [Int32] = []
        for row in 0..<512 {
            inputs += words[row * 129..<row * 129 + 128]
            targets += words[row * 129 + 1..<row * 129 + 129]
        }
        let data = try Dataset(
            inputs: Column(integers: inputs, itemShape: [128]), targets: Column(integers: targets, itemShape: [128]))
        return (trainer, data)
    }

    static func fashionMNIST() throws -> Dataset {
        let images = try DemonstrationImages.load()
        return try Dataset(
            inputs: Column(
                bytes: images.training.pixels, itemShape: [1, 28, 28], scale: 2 / 255, offset: -1),
            targets: Column(integers: images.training.labels))
    }
}
