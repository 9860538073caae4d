import Ballast
import BallastGroupNorm
import TestSupport
import Testing

@Suite struct GroupNormTests {
    let reference: NormalizationReference

    init() throws { reference = try NormalizationReference(beside: #filePath) }

    @Test func `outputs and gradients are those of PyTorch`() throws {
        #expect(reference.replays.count == 9)
        for replay in reference.replays {
            let technique = GroupNorm(
                groups: Int(replay.option("groups", 1)), at: .before("place"), epsilon: replay.option("eps", 1e-5),
                affine: replay.option("affine", 1) == 1)
            let differences = try replay.differences(from: technique)
            #expect(differences == [])
        }
    }

    @Test func `a perceptron trained for 100 steps is that of PyTorch`() throws {
        let trajectory = try #require(reference.trajectories(of: "perceptron").first)
        let differences = try trajectory.differences(model: NormalizationReference.perceptron) { GroupNorm(groups: 2) }
        #expect(differences == [])
    }

    @Test func `a convolutional network trained for 100 steps is that of PyTorch`() throws {
        let trajectory = try #require(reference.trajectories(of: "convolutional").first)
        let differences = try trajectory.differences(model: NormalizationReference.convolutional) {
            GroupNorm(groups: 2)
        }
        #expect(differences == [])
    }

    @Test func `it is resumed, saved, not decayed, and the same in evaluation`() throws {
        let checks = NormalizationChecks(of: GroupNorm(groups: 2, at: .before("relu*")))
        let violations = try checks.all()
        #expect(violations == [])
    }

    @Test func `the gradient of weights in front of it is orthogonal to them`() throws {
        let technique = GroupNorm(groups: 2, at: .before("tanh1"), epsilon: 1e-12)
        let differences = try NormalizationChecks(of: technique).scaleInvariance()
        #expect(differences == [])
    }

    @Test func `it acts at the input, in front of activations, or at named layers`() throws {
        func paths(_ technique: GroupNorm) throws -> [String] {
            let data = try Dataset(inputs: [[1, 2, 3, 4], [2, 4, 7, 1]], labels: [0, 1])
            let run = try Trainer(
                NormalizationReference.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1)
            ) { technique }.fit(data, epochs: 1)
            return run.variables.entries.filter { $0.path.hasPrefix("GroupNorm/") }.map {
                "\($0.path) \($0.value.shape)"
            }
        }
        #expect(
            try paths(GroupNorm(groups: 4)) == [
                "GroupNorm/relu1.weight [16]", "GroupNorm/relu1.bias [16]", "GroupNorm/relu2.weight [12]",
                "GroupNorm/relu2.bias [12]",
            ])
        #expect(
            try paths(GroupNorm(groups: 2, at: .input, .before("relu2"))) == [
                "GroupNorm/input.weight [4]", "GroupNorm/input.bias [4]", "GroupNorm/relu2.weight [12]",
                "GroupNorm/relu2.bias [12]",
            ])
        #expect(try paths(GroupNorm(groups: 2, at: .before("relu2"), affine: false)) == [])
    }

    // MARK: Refusals

    @Test func `no groups are refused`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = GroupNorm(groups: 0)
        }
        #expect(result.said("GroupNorm: the number of groups must be positive but is 0"))
    }

    @Test func `an epsilon that is not positive is refused`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = GroupNorm(groups: 2, epsilon: .nan)
        }
        #expect(result.said("GroupNorm: epsilon must be positive and finite but is nan"))
    }

    @Test func `groups that do not divide the channels are refused`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = try Trainer(
                NormalizationReference.convolutional, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1)
            ) {
                GroupNorm(groups: 4)
            }.plan(inputShape: [2, 8, 8])
        }
        #expect(
            result.said(
                "\"GroupNorm/relu2\" cannot divide 6 channels (axis 1 of shape [1, 6, 4, 4]) into 4 groups: "
                    + "choose among [1, 2, 3, 6]"))
    }

    @Test func `one value in a group is refused`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = try Trainer(NormalizationReference.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1)) {
                GroupNorm(groups: 16, at: .before("relu1"))
            }.plan(inputShape: [3])
        }
        #expect(result.said("\"GroupNorm/relu1\" got 1 value in each of 16 groups (shape [1, 16])"))
    }
}

extension ExitTest.Result? {
    fileprivate func said(_ text: String) -> Bool {
        String(decoding: self?.standardErrorContent ?? [], as: UTF8.self).contains(text)
    }
}
