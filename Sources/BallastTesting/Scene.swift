public import BallastCore

/// A small training in which laws are checked: a model, data, and a size of batches.
public struct Scene: Sendable, CustomStringConvertible {
    /// What sentences call it.
    public let name: String
    /// The model.
    public let model: any Layer
    /// The samples to train on.
    public let data: Dataset
    /// The samples to measure with.
    public let validation: Dataset
    /// The number of samples in a batch.
    public let batchSize: Int
    /// The loss.
    public let loss: Loss

    /// Its name.
    public var description: String { name }

    /// Creates your own scene; small, since laws train in it some hundred times.
    ///
    /// - Parameters:
    ///   - name: what sentences call it.
    ///   - model: the model.
    ///   - data: the samples to train on, a dozen or so.
    ///   - validation: the samples to measure with.
    ///   - batchSize: the number of samples in a batch; one that does not divide their number shows more.
    ///   - loss: the loss.
    public init(
        _ name: String, model: some Layer, data: Dataset, validation: Dataset, batchSize: Int,
        loss: Loss = .crossEntropy
    ) {
        self.name = name
        self.model = model
        self.data = data
        self.validation = validation
        self.batchSize = batchSize
        self.loss = loss
    }

    /// A perceptron whose last batch is short: layers `linear1`, `softplus1`, `linear2`, `relu1`, `linear3`.
    public static let perceptron = Scene(
        "the perceptron (batches of 4, the last of 3)", model: perceptronModel, data: images(11),
        validation: images(6, from: 100), batchSize: 4)
    /// The perceptron with one sample a batch.
    public static let singleSamples = Scene(
        "the perceptron with a batch of one", model: perceptronModel, data: images(4),
        validation: images(6, from: 100), batchSize: 1)
    /// A convolutional net with an odd batch: layers `conv1`, `relu1`, `averagePool1`, `conv2`, `softplus1`, `linear1`.
    public static let convolutional = Scene(
        "the convolutional net (odd batches of 5)",
        model: Sequential {
            Conv2d(4, kernel: 3, padding: 1); ReLU()
            AveragePool2d(2)
            Conv2d(4, kernel: 1); Softplus()
            Flatten()
            Linear(3)
        }, data: images(15), validation: images(6, from: 100), batchSize: 5)
    /// A block of a transformer over 4 positions: its branches are `residual1.branch`
    /// with `attention1`, and `residual2.branch` with `linear1`, `gelu1` and `linear2`.
    public static let transformer = Scene(
        "the transformer block (batches of 3, the last of 2)",
        model: Sequential {
            Reshape([4, 4])
            Linear(8)
            Residual { MultiHeadAttention(heads: 2, causal: true) }
            Residual {
                Linear(12); GELU(); Linear(8)
            }
            Flatten()
            Linear(3)
        }, data: images(8), validation: images(6, from: 100), batchSize: 3)

    /// A net with a residual connection whose branch has a convolution, with an odd batch: layers `conv1`, `softplus1`,
    /// `residual1.branch.conv1`, `residual1.branch.softplus1` and `linear1`.
    public static let residual = Scene(
        "the residual net (odd batches of 5)",
        model: Sequential {
            Conv2d(4, kernel: 3, padding: 1); Softplus()
            Residual {
                Conv2d(4, kernel: 3, padding: 1); Softplus()
            }
            Flatten()
            Linear(3)
        }, data: images(15), validation: images(6, from: 100), batchSize: 5)

    /// The scenes that techniques are checked in: inputs are images `[1, 4, 4]` of three classes.
    public static let standard = [perceptron, singleSamples, convolutional, transformer, residual]

    private static let perceptronModel = Sequential {
        Flatten()
        Linear(8); Softplus()
        Linear(8); ReLU()
        Linear(3)
    }

    /// Images `[1, 4, 4]` with values in 0..<1, of three classes; those of other numbers are others.
    static func images(_ count: Int, from first: Int = 0, scale: Float = 1) -> Dataset {
        let uniforms = RandomStream(seed: 11, purpose: "scene").uniforms((first + count) * 16)
        let values = uniforms[(first * 16)...].enumerated().map { index, value in
            (value * 0.6 + 0.2 * Float((index / 16 + first) % 3)) * scale
        }
        do {
            return try Dataset(
                inputs: Column(floats: values, itemShape: [1, 4, 4]),
                targets: Column(integers: (0..<count).map { Int32(($0 + first) % 3) }))
        } catch {
            preconditionFailure("the images of a scene cannot be made: \(error)")
        }
    }

    /// A trainer for the scene, with techniques composed over its model.
    public func trainer(@CompositionBuilder _ techniques: () -> [any Technique]) -> Trainer { trainer(techniques()) }

    /// Whether a batch has one sample only.
    var hasSingleSamples: Bool { batchSize == 1 || data.count % batchSize == 1 }

    var stepsPerEpoch: Int { (data.count + batchSize - 1) / batchSize }

    func trainer(_ techniques: [any Technique], learningRate: Float = 0.05, batchSize: Int? = nil) -> Trainer {
        Trainer(
            model, loss: loss, optimizer: SGD(learningRate: learningRate, momentum: 0.5),
            batchSize: batchSize ?? self.batchSize, composition: Composition(techniques))
    }

    func with(data: Dataset, batchSize: Int) -> Scene {
        Scene(name, model: model, data: data, validation: validation, batchSize: batchSize, loss: loss)
    }
}
