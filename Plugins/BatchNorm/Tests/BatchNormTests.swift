import Ballast
import BallastBatchNorm
import TestSupport
import Testing

@Suite struct BatchNormTests {
    let reference: NormalizationReference

    init() throws { reference = try NormalizationReference(beside: #filePath) }

    @Test func `outputs, gradients and running statistics are those of PyTorch`() throws {
        #expect(reference.replays.count == 13)
        for replay in reference.replays {
            let isAverage = replay.options["momentum"].map { $0 == nil } ?? false
            let technique = BatchNorm(
                at: .before("place"), momentum: isAverage ? nil : replay.option("momentum", 0.1),
                epsilon: replay.option("eps", 1e-5), affine: replay.option("affine", 1) == 1,
                tracksStatistics: replay.option("tracks", 1) == 1)
            let differences = try replay.differences(from: technique)
            #expect(differences == [])
        }
    }

    @Test func `a perceptron trained for 100 steps is that of PyTorch`() throws {
        let trajectory = try #require(reference.trajectories(of: "perceptron").first)
        let differences = try trajectory.differences(model: NormalizationReference.perceptron) { BatchNorm() }
        #expect(differences == [])
    }

    @Test func `a convolutional network trained for 100 steps is that of PyTorch`() throws {
        let trajectory = try #require(reference.trajectories(of: "convolutional").first)
        let differences = try trajectory.differences(model: NormalizationReference.convolutional) { BatchNorm() }
        #expect(differences == [])
    }

    @Test(arguments: [
        BatchNorm(at: .before("relu*")), BatchNorm(at: .before("relu*"), momentum: nil),
        BatchNorm(at: .before("relu*"), affine: false),
    ])
    func `it is resumed, saved, not decayed, and pure in evaluation`(technique: BatchNorm) throws {
        let checks = NormalizationChecks(of: technique)
        let violations = try checks.all()
        #expect(violations == [])
    }

    @Test func `the gradient of weights in front of it is orthogonal to them`() throws {
        let technique = BatchNorm(at: .before("tanh1"), epsilon: 1e-12)
        let differences = try NormalizationChecks(of: technique).scaleInvariance()
        #expect(differences == [])
    }

    /// Li et al., 2019, arXiv 1801.05134: an input of mean c and variance v, kept with probability q, has the variance
    /// (c² + v) / q − c² in training, and v in evaluation.
    @Test(arguments: [(Float(2), Float(0.5)), (0, 0.8)])
    func `noise in front of it shifts the variance that it learns`(center: Float, keep: Float) throws {
        let count = 40_000
        let values = Tensor.normal([count], mean: center, from: RandomStream(seed: 2, purpose: "values"))
        let data = try Dataset(
            inputs: Column(floats: values.scalars, itemShape: [1]),
            targets: Column(floats: [Float](repeating: 0, count: count), itemShape: [1]))
        let trainer = Trainer(
            Linear(1), loss: .meanSquaredError, optimizer: SGD(learningRate: 0.1), batchSize: count
        ) {
            Masking(keep: keep)
            BatchNorm(at: .input, momentum: 1)
        }
        let run = try trainer.fit(data, epochs: 1)
        let learned = try #require(run.variables["BatchNorm/input.runningVariance"]).item
        let variance = values.variance().item
        let expected = (center * center + variance) / keep - center * center
        #expect(abs(learned - expected) < 0.03 * expected, "learned \(learned), expected \(expected)")
        #expect(learned > 1.1 * variance, "learned \(learned), in evaluation it is \(variance)")
    }

    // MARK: Sites

    private func paths(_ technique: BatchNorm) throws -> [String] {
        let data = try Dataset(inputs: [[1, 2, 3], [2, 4, 7]], labels: [0, 1])
        let trainer = Trainer(NormalizationReference.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1))
        {
            technique
        }
        let run = try trainer.fit(data, epochs: 1)
        return run.variables.entries.filter { $0.path.hasPrefix(technique.name + "/") }.map {
            "\($0.path) \($0.value.shape)"
        }
    }

    @Test func `it stands in front of every activation unless told otherwise`() throws {
        #expect(
            try paths(BatchNorm()) == [
                "BatchNorm/relu1.weight [16]", "BatchNorm/relu1.bias [16]", "BatchNorm/relu2.weight [12]",
                "BatchNorm/relu2.bias [12]", "BatchNorm/relu1.runningMean [16]", "BatchNorm/relu1.runningVariance [16]",
                "BatchNorm/relu2.runningMean [12]", "BatchNorm/relu2.runningVariance [12]",
            ])
    }

    @Test func `one instance acts at the input and in front of activations`() throws {
        #expect(
            try paths(BatchNorm(at: .input, .before(.activations), affine: false)) == [
                "BatchNorm/input.runningMean [3]", "BatchNorm/input.runningVariance [3]",
                "BatchNorm/relu1.runningMean [16]", "BatchNorm/relu1.runningVariance [16]",
                "BatchNorm/relu2.runningMean [12]", "BatchNorm/relu2.runningVariance [12]",
            ])
    }

    @Test func `it acts at named layers only`() throws {
        #expect(
            try paths(BatchNorm(at: .after("linear2"), tracksStatistics: false, named: "norm")) == [
                "norm/linear2.weight [12]", "norm/linear2.bias [12]",
            ])
    }

    // MARK: Phases

    @Test func `evaluation uses the running statistics`() throws {
        let data = try Dataset(inputs: [[1], [3]], targets: [[0], [0]])
        let trainer = Trainer(
            Linear(1, bias: false, weight: .ones), loss: .meanSquaredError, optimizer: SGD(learningRate: 1e-6)
        ) { BatchNorm(at: .input, momentum: 0.5, epsilon: 1e-12, affine: false) }
        let run = try trainer.fit(data, epochs: 1)
        // The batch has mean 2 and unbiased variance 2: running 0.5 · 0 + 0.5 · 2 and 0.5 · 1 + 0.5 · 2.
        #expect(run.variables["BatchNorm/input.runningMean"]?.scalars == [1])
        #expect(run.variables["BatchNorm/input.runningVariance"]?.scalars == [1.5])
        let expected = (Float(5) - 1) / Float(1.5).squareRoot()
        #expect(abs(try run.predict(Tensor([5], shape: [1, 1])).item - expected) < 1e-4)
    }

    @Test func `a second pass at other parameters leaves the running statistics alone`() throws {
        let data = try Dataset(inputs: [[1, 2, 4], [3, 0, 1]], labels: [0, 1])
        func statistics(_ techniques: [any Technique]) throws -> [Float] {
            let trainer = Trainer(
                NormalizationReference.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1),
                composition: Composition([BatchNorm(at: .input)] + techniques))
            return try trainer.fit(data, epochs: 1).variables["BatchNorm/input.runningMean"]?.scalars ?? []
        }
        let alone = try statistics([])
        #expect(alone.count == 3)
        #expect(try statistics([SecondPass()]) == alone)
    }

    @Test func `an empty batch passes in evaluation`() throws {
        let data = try Dataset(inputs: [[1, 2, 4], [3, 0, 1]], labels: [0, 1])
        let run = try Trainer(NormalizationReference.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1))
        {
            BatchNorm()
        }.fit(data, epochs: 1)
        #expect(try run.predict(.zeros([0, 3])).shape == [0, 3])
    }
}

/// Inverted dropout, as dropout is another module.
private struct Masking: LayerWrapper {
    let keep: Float
    let sites: [Site] = [.input]

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        context.isTraining ? dropout(call.input, probability: 1 - keep, from: context.random) : call.input
    }
}

/// Asks for gradients at other parameters, as sharpness-aware minimization does.
private struct SecondPass: GradientTransform {
    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        _ = context.gradients(at: (0..<gradients.count).map { gradients.parameter($0) * 1.5 })[0]
        return gradients
    }
}
