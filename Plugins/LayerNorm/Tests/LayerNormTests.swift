import Ballast
import BallastLayerNorm
import TestSupport
import Testing

@Suite struct LayerNormTests {
    let reference: NormalizationReference

    init() throws { reference = try NormalizationReference(beside: #filePath) }

    @Test func `outputs and gradients are those of PyTorch`() throws {
        #expect(reference.replays.count == 8)
        for replay in reference.replays {
            let technique = LayerNorm(
                overTrailing: Int(replay.option("axes", 1)), at: .before("place"), epsilon: replay.option("eps", 1e-5),
                affine: replay.option("affine", 1) == 1)
            let differences = try replay.differences(from: technique)
            #expect(differences == [])
        }
    }

    @Test func `a perceptron trained for 100 steps is that of PyTorch`() throws {
        let trajectory = try #require(reference.trajectories(of: "perceptron").first)
        let differences = try trajectory.differences(model: NormalizationReference.perceptron) { LayerNorm() }
        #expect(differences == [])
    }

    @Test func `a convolutional network trained for 100 steps is that of PyTorch`() throws {
        let trajectory = try #require(reference.trajectories(of: "convolutional").first)
        let differences = try trajectory.differences(model: NormalizationReference.convolutional) {
            LayerNorm(overTrailing: 3)
        }
        #expect(differences == [])
    }

    @Test func `it is resumed, saved, not decayed, and the same in evaluation`() throws {
        let checks = NormalizationChecks(of: LayerNorm(overTrailing: 3, at: .before("relu*")))
        let violations = try checks.all()
        #expect(violations == [])
    }

    @Test func `the gradient of weights in front of it is orthogonal to them`() throws {
        let technique = LayerNorm(overTrailing: 3, at: .before("tanh1"), epsilon: 1e-12)
        let differences = try NormalizationChecks(of: technique).scaleInvariance()
        #expect(differences == [])
    }

    @Test func `it acts at the input, in front of activations, or at named layers`() throws {
        func paths(_ technique: LayerNorm) throws -> [String] {
            let data = try Dataset(inputs: [[1, 2, 3], [2, 4, 7]], labels: [0, 1])
            let trainer = Trainer(
                NormalizationReference.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1)
            ) {
                technique
            }
            let run = try trainer.fit(data, epochs: 1)
            return run.variables.entries.filter { $0.path.hasPrefix("LayerNorm/") }.map {
                "\($0.path) \($0.value.shape)"
            }
        }
        #expect(
            try paths(LayerNorm()) == [
                "LayerNorm/relu1.weight [16]", "LayerNorm/relu1.bias [16]", "LayerNorm/relu2.weight [12]",
                "LayerNorm/relu2.bias [12]",
            ])
        #expect(
            try paths(LayerNorm(at: .input, .after("linear3"))) == [
                "LayerNorm/input.weight [3]", "LayerNorm/input.bias [3]", "LayerNorm/linear3.weight [3]",
                "LayerNorm/linear3.bias [3]",
            ])
        #expect(try paths(LayerNorm(at: .before("relu2"), affine: false)) == [])
    }

    // MARK: Refusals

    @Test func `zero axes are refused`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = LayerNorm(overTrailing: 0)
        }
        #expect(result.said("LayerNorm: the number of trailing axes must be in 1..<8 but is 0"))
    }

    @Test func `an epsilon that is not positive is refused`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = LayerNorm(epsilon: 0)
        }
        #expect(result.said("LayerNorm: epsilon must be positive and finite but is 0.0"))
    }

    @Test func `the batch is not normalized over`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = try Trainer(NormalizationReference.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1)) {
                LayerNorm(overTrailing: 2)
            }.plan(inputShape: [3])
        }
        #expect(result.said("\"LayerNorm/relu1\" normalizes over 2 trailing axes"))
        #expect(result.said("shape [1, 16]"))
    }

    @Test func `one value is refused`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = try Trainer(NormalizationReference.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1)) {
                LayerNorm(at: .input)
            }.plan(inputShape: [1])
        }
        #expect(result.said("\"LayerNorm/input\" got 1 value to normalize (shape [1, 1], 1 trailing axes)"))
    }
}

extension ExitTest.Result? {
    fileprivate func said(_ text: String) -> Bool {
        String(decoding: self?.standardErrorContent ?? [], as: UTF8.self).contains(text)
    }
}
