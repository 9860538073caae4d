import Ballast
import BallastInstanceNorm
import TestSupport
import Testing

@Suite struct InstanceNormTests {
    let reference: NormalizationReference

    init() throws { reference = try NormalizationReference(beside: #filePath) }

    @Test func `outputs and gradients are those of PyTorch`() throws {
        #expect(reference.replays.count == 7)
        for replay in reference.replays {
            let technique = InstanceNorm(
                at: .before("place"), epsilon: replay.option("eps", 1e-5), affine: replay.option("affine", 0) == 1)
            let differences = try replay.differences(from: technique)
            #expect(differences == [])
        }
    }

    @Test func `a convolutional network trained for 100 steps is that of PyTorch`() throws {
        let trajectories = reference.trajectories(of: "convolutional")
        #expect(trajectories.count == 2)
        for trajectory in trajectories {
            let isAffine = trajectory.name.hasSuffix("weight and bias")
            let differences = try trajectory.differences(model: NormalizationReference.convolutional) {
                InstanceNorm(affine: isAffine)
            }
            #expect(differences == [])
        }
    }

    @Test(arguments: [false, true])
    func `it is resumed, saved, not decayed, and the same in evaluation`(isAffine: Bool) throws {
        let checks = NormalizationChecks(of: InstanceNorm(at: .before("relu*"), affine: isAffine))
        let violations = try checks.all()
        #expect(violations == [])
    }

    @Test func `the gradient of weights in front of it is orthogonal to them`() throws {
        let technique = InstanceNorm(at: .before("tanh1"), epsilon: 1e-12)
        let differences = try NormalizationChecks(of: technique).scaleInvariance()
        #expect(differences == [])
    }

    @Test func `it acts at the input, in front of activations, or at named layers`() throws {
        func paths(_ technique: InstanceNorm) throws -> [String] {
            let data = try Dataset(
                inputs: Column(floats: (0..<256).map { Float($0 * 37 % 64) }, itemShape: [2, 8, 8]),
                targets: Column(integers: [0, 1]))
            let run = try Trainer(
                NormalizationReference.convolutional, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1)
            ) { technique }.fit(data, epochs: 1)
            return run.variables.entries.filter { $0.path.hasPrefix("InstanceNorm/") }.map {
                "\($0.path) \($0.value.shape)"
            }
        }
        #expect(
            try paths(InstanceNorm(affine: true)) == [
                "InstanceNorm/relu1.weight [4]", "InstanceNorm/relu1.bias [4]", "InstanceNorm/relu2.weight [6]",
                "InstanceNorm/relu2.bias [6]",
            ])
        #expect(
            try paths(InstanceNorm(at: .input, .after("conv2"), affine: true)) == [
                "InstanceNorm/input.weight [2]", "InstanceNorm/input.bias [2]", "InstanceNorm/conv2.weight [6]",
                "InstanceNorm/conv2.bias [6]",
            ])
        #expect(try paths(InstanceNorm()) == [])
    }

    // MARK: Refusals

    @Test func `an epsilon that is not positive is refused`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = InstanceNorm(epsilon: 0)
        }
        #expect(result.said("InstanceNorm: epsilon must be positive and finite but is 0.0"))
    }

    @Test func `a matrix is refused`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = try Trainer(NormalizationReference.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1)) {
                InstanceNorm()
            }.plan(inputShape: [3])
        }
        #expect(result.said("\"InstanceNorm/relu1\" needs [batch, channels, ...] with at least 2 positions"))
        #expect(result.said("its input has shape [1, 16]"))
    }

    @Test func `one position per channel is refused`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = try Trainer(
                NormalizationReference.convolutional, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1)
            ) {
                InstanceNorm(at: .before("relu2"))
            }.plan(inputShape: [2, 3, 3])
        }
        #expect(result.said("its input has shape [1, 6, 1, 1]"))
    }
}

extension ExitTest.Result? {
    fileprivate func said(_ text: String) -> Bool {
        String(decoding: self?.standardErrorContent ?? [], as: UTF8.self).contains(text)
    }
}
