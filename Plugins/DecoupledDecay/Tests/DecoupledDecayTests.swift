import Ballast
import BallastDecoupledDecay
import TestSupport
import Testing

struct DecoupledDecayTests {
    @Test(arguments: ["mlp", "cnn"])
    func `with Adam 100 steps end where PyTorch's AdamW does`(net: String) throws {
        let runs: [String: Trajectory] = try fixture("trajectories.json")
        let weights = try #require(runs["adamw-\(net)"])
        #expect(try weights.differences(optimizer: Adam(learningRate: 0.01)) { DecoupledDecay(0.5) } == [])
        let all = try #require(runs["adamw-all-\(net)"])
        #expect(try all.differences(optimizer: Adam(learningRate: 0.01)) { DecoupledDecay(0.5, on: .all) } == [])
    }

    private func decayed(_ technique: DecoupledDecay, rate: Float, schedule: Schedule = .constant) throws -> [Float] {
        let model = Sequential { Linear(3, weight: .values([1, -2, 0]), biasInitial: .constant(1)) }
        let trainer = Trainer(
            model, loss: .meanSquaredError, optimizer: SGD(learningRate: rate), schedule: schedule, batchSize: 1,
            composition: Composition([technique]))
        let run = try trainer.fit(Dataset(inputs: [[0]], targets: [[1, 1, 1]]), epochs: 2)
        return try #require(run.variables["linear1.weight"]).scalars
    }

    @Test func `each step shrinks the weights by η λ`() throws {
        let expected = Float(1 - 0.1 * 0.5) * Float(1 - 0.1 * 0.5)
        let after = try decayed(DecoupledDecay(0.5), rate: 0.1)
        #expect(abs(after[0] - expected) < 1e-6)
        #expect(abs(after[1] + 2 * expected) < 1e-6)
        #expect(after[2] == 0)
    }

    @Test func `in the paper's form the learning rate plays no part, but the schedule does`() throws {
        let after = try decayed(DecoupledDecay(0.5, timesLearningRate: false), rate: 0.1)
        #expect(abs(after[0] - 0.25) < 1e-6)
        let halved = Schedule { _, _, _ in 0.5 }
        #expect(
            abs(try decayed(DecoupledDecay(0.5, timesLearningRate: false), rate: 0.1, schedule: halved)[0] - 0.5625)
                < 1e-6)
    }

    @Test func `under plain gradient descent it is L2, and under Adam it parts from it at the first step`() throws {
        // Loshchilov & Hutter (2019): Adam moves by about η sign(g + λ w), AdamW by η sign(g) + η λ w.
        func weight(_ optimizer: any Optimizer, _ techniques: [any Technique]) throws -> Float {
            let model = Sequential { Linear(1, bias: false, weight: .values([2])) }
            let trainer = Trainer(
                model, loss: .meanSquaredError(scale: 0.5), optimizer: optimizer, batchSize: 1,
                composition: Composition(techniques))
            let run = try trainer.fit(Dataset(inputs: [[1]], targets: [[1.5]]), epochs: 1)
            return try #require(run.variables["linear1.weight"]).item
        }
        let (rate, strength): (Float, Float) = (0.01, 0.3)
        let coupled = HalfSquares(strength: strength)
        let sgd = SGD(learningRate: rate)
        #expect(abs(try weight(sgd, [coupled]) - weight(sgd, [DecoupledDecay(strength)])) < 1e-6)
        let adam = Adam(learningRate: rate)
        #expect(abs(try weight(adam, [coupled]) - (2 - rate)) < 1e-5)
        #expect(abs(try weight(adam, [DecoupledDecay(strength)]) - (2 - rate - rate * strength * 2)) < 1e-5)
    }

    @Test func `strength zero leaves every bit as it is`() throws {
        #expect(try decayed(DecoupledDecay(0), rate: 0.1) == [1, -2, 0])
    }

    @Test func `a negative strength is refused with the allowed range`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = DecoupledDecay(-1)
        }
        let resultText = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(resultText.contains("must be in 0..<infinity but is -1"))
    }
}

/// L2 in the loss, written out here because techniques do not import one another.
private struct HalfSquares: LossPenalty {
    let strength: Float

    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        parameters.weights.sumOfSquares(scale: strength / 2)
    }
}
