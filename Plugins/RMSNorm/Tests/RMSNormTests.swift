import Ballast
import BallastRMSNorm
import TestSupport
import Testing

@Suite struct RMSNormTests {
    let reference: NormalizationReference

    init() throws { reference = try NormalizationReference(beside: #filePath) }

    @Test func `outputs and gradients are those of PyTorch, and of the paper's code`() throws {
        #expect(reference.replays.count == 10)
        for replay in reference.replays {
            let technique = RMSNorm(
                overTrailing: Int(replay.option("axes", 1)), at: .before("place"), epsilon: replay.option("eps", 1e-6),
                epsilonPlacement: replay.option("outside", 0) == 1 ? .outside : .inside,
                affine: replay.option("affine", 1) == 1)
            let differences = try replay.differences(from: technique)
            #expect(differences == [])
        }
    }

    @Test func `a perceptron trained for 100 steps is that of PyTorch`() throws {
        let trajectories = reference.trajectories(of: "perceptron")
        #expect(trajectories.count == 2)
        for trajectory in trajectories {
            let isOutside = trajectory.name.hasSuffix("outside")
            let differences = try trajectory.differences(model: NormalizationReference.perceptron) {
                RMSNorm(epsilonPlacement: isOutside ? .outside : .inside)
            }
            #expect(differences == [])
        }
    }

    @Test func `a convolutional network trained for 100 steps is that of PyTorch`() throws {
        let trajectory = try #require(reference.trajectories(of: "convolutional").first)
        let differences = try trajectory.differences(model: NormalizationReference.convolutional) {
            RMSNorm(overTrailing: 3)
        }
        #expect(differences == [])
    }

    @Test(arguments: [RMSNorm.EpsilonPlacement.inside, .outside])
    func `it is resumed, saved, not decayed, and the same in evaluation`(placement: RMSNorm.EpsilonPlacement) throws {
        let checks = NormalizationChecks(
            of: RMSNorm(overTrailing: 3, at: .before("relu*"), epsilonPlacement: placement))
        let violations = try checks.all()
        #expect(violations == [])
    }

    @Test(arguments: [RMSNorm.EpsilonPlacement.inside, .outside])
    func `the gradient of weights in front of it is orthogonal to them`(placement: RMSNorm.EpsilonPlacement) throws {
        let technique = RMSNorm(
            overTrailing: 3, at: .before("tanh1"), epsilon: 1e-12, epsilonPlacement: placement)
        let differences = try NormalizationChecks(of: technique).scaleInvariance()
        #expect(differences == [])
    }

    /// y = x / √ε or x / ε there, so that the gradient of w · x with respect to w is x times that.
    @Test(arguments: [(RMSNorm.EpsilonPlacement.inside, Float(2)), (.outside, 4)])
    func `rows of zeros have a finite gradient`(placement: RMSNorm.EpsilonPlacement, slope: Float) throws {
        let recording = Recording()
        let data = try Dataset(inputs: [[1, 2]], targets: [[1, 1, 1]])
        let run = try Trainer(
            Linear(3, bias: false, weight: .zeros), loss: Loss("product", target: .values) { ($0 * $1).sum() },
            optimizer: SGD(learningRate: 0.1)
        ) {
            RMSNorm(at: .output, epsilon: 0.25, epsilonPlacement: placement)
            Recorder(to: recording)
        }.fit(data, epochs: 1)
        #expect(run.stepCount == 1)
        #expect(recording.steps[0].output == [0, 0, 0])
        let expected = [slope, slope, slope, 2 * slope, 2 * slope, 2 * slope]
        #expect(relativeError(recording.steps[0].gradients["weight"] ?? [], expected) < 1e-6)
    }

    @Test func `it acts at the input, in front of activations, or at named layers`() throws {
        func paths(_ technique: RMSNorm) throws -> [String] {
            let data = try Dataset(inputs: [[1, 2, 3], [2, 4, 7]], labels: [0, 1])
            let run = try Trainer(
                NormalizationReference.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1)
            ) { technique }.fit(data, epochs: 1)
            return run.variables.entries.filter { $0.path.hasPrefix("RMSNorm/") }.map { "\($0.path) \($0.value.shape)" }
        }
        #expect(try paths(RMSNorm()) == ["RMSNorm/relu1.weight [16]", "RMSNorm/relu2.weight [12]"])
        #expect(
            try paths(RMSNorm(at: .input, .after("linear3"))) == [
                "RMSNorm/input.weight [3]", "RMSNorm/linear3.weight [3]",
            ])
        #expect(try paths(RMSNorm(at: .before("relu2"), affine: false)) == [])
    }

    // MARK: Refusals

    @Test func `zero axes are refused`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = RMSNorm(overTrailing: 0)
        }
        #expect(result.said("RMSNorm: the number of trailing axes must be in 1..<8 but is 0"))
    }

    @Test func `an epsilon that is not positive is refused`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = RMSNorm(epsilon: .infinity)
        }
        #expect(result.said("RMSNorm: epsilon must be positive and finite but is inf"))
    }

    @Test func `the batch is not normalized over`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = try Trainer(NormalizationReference.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1)) {
                RMSNorm(overTrailing: 2)
            }.plan(inputShape: [3])
        }
        #expect(result.said("\"RMSNorm/relu1\" normalizes over 2 trailing axes"))
        #expect(result.said("shape [1, 16]"))
    }
}

extension ExitTest.Result? {
    fileprivate func said(_ text: String) -> Bool {
        String(decoding: self?.standardErrorContent ?? [], as: UTF8.self).contains(text)
    }
}
