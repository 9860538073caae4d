import Ballast
import BallastProximalL1
import TestSupport
import Testing

struct ProximalL1Tests {
    @Test(arguments: ["proximal-mlp", "proximal-cnn"])
    func `100 steps end where PyTorch's do`(name: String) throws {
        let runs: [String: Trajectory] = try fixture("trajectories.json")
        let run = try #require(runs[name])
        #expect(try run.differences { ProximalL1(0.02) } == [])
    }

    @Test func `training to convergence arrives at the lasso, with its zeros exact and in the same places`() throws {
        let problem: LinearProblem = try fixture("optimum.json")
        let solution = try problem.solve(steps: 1000, learningRate: 0.1) { ProximalL1(problem.strength) }
        #expect(problem.differences(from: solution) == [])
        #expect(solution.weights.map { $0 == 0 } == problem.coefficients.map { $0 == 0 })
        #expect(problem.coefficients.contains(0))
        #expect(problem.coefficients.contains { $0 != 0 })
    }

    @Test func `a step without gradient is the soft threshold of η λ`() throws {
        let weights: [Float] = [1, -1, 0.05, -0.05, 0, 0.1, -0.1, 3]
        let model = Sequential { Linear(8, weight: .values(weights), biasInitial: .zeros) }
        let trainer = Trainer(model, loss: .meanSquaredError, optimizer: SGD(learningRate: 0.5), batchSize: 1) {
            ProximalL1(0.2)
        }
        let run = try trainer.fit(Dataset(inputs: [[0]], targets: [[0, 0, 0, 0, 0, 0, 0, 0]]), epochs: 1)
        let after = try #require(run.variables["linear1.weight"]).scalars
        for (before, got) in zip(weights, after) {
            let expected = before.magnitude <= 0.1 ? 0 : before - (before > 0 ? 0.1 : -0.1)
            #expect((got - expected).magnitude <= 1e-6, "\(before) became \(got), expected \(expected)")
            #expect((got == 0) == (expected == 0))
        }
    }

    @Test func `biases are left alone by default`() throws {
        let model = Sequential { Linear(2, weight: .zeros, biasInitial: .constant(0.01)) }
        let trainer = Trainer(model, loss: .meanSquaredError, optimizer: SGD(learningRate: 0), batchSize: 1) {
            ProximalL1(100)
        }
        let run = try trainer.fit(Dataset(inputs: [[0]], targets: [[0, 0]]), epochs: 3)
        #expect(run.variables["linear1.bias"]?.scalars == [0.01, 0.01])
    }

    @Test func `a negative strength is refused with the allowed range`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = ProximalL1(-1)
        }
        let resultText = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(resultText.contains("must be in 0..<infinity but is -1"))
    }
}
