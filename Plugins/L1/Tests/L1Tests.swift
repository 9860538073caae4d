import Ballast
import BallastL1
import TestSupport
import Testing

struct L1Tests {
    @Test(arguments: [[1, 1], [7, 13], [16, 17], [33, 5], [1, 31]])
    func `value and gradient are those of the formula`(shape: [Int]) throws {
        var weights = Tensor.normal(Shape(shape), from: RandomStream(seed: 1, purpose: "weights"))
        weights.withUnsafeMutableFloats { $0[$0.count / 2] = 0 }
        let (value, gradient) = try penalty(of: L1(0.25), at: weights)
        let scalars = weights.scalars
        let expected = 0.25 * scalars.reduce(0) { $0 + Double($1.magnitude) }
        #expect(abs(value - expected) <= 1e-5 * max(expected, 1e-3))
        let slope = Tensor(scalars.map { $0 > 0 ? 0.25 : $0 < 0 ? -0.25 : 0 }, shape: weights.shape)
        #expect(relativeError(gradient, slope) <= 1e-5)
    }

    @Test(arguments: ["l1-mlp", "l1-cnn"])
    func `100 steps end where PyTorch's do`(name: String) throws {
        let runs: [String: Trajectory] = try fixture("trajectories.json")
        let run = try #require(runs[name])
        #expect(try run.differences { L1(1e-2) } == [])
    }

    @Test func `without the penalty the same run ends elsewhere`() throws {
        let runs: [String: Trajectory] = try fixture("trajectories.json")
        #expect(try runs["l1-mlp"]?.differences { L1(2e-2) }.isEmpty == false)
    }

    @Test func `training to convergence arrives near the lasso, but not at exact zeros`() throws {
        let problem: LinearProblem = try fixture("optimum.json")
        let solution = try problem.solve(steps: 4000, learningRate: 0.05, schedule: .cosine()) { L1(problem.strength) }
        #expect(problem.differences(from: solution) == [])
        #expect(problem.coefficients.contains(0))
    }

    @Test func `scikit-learn's documented example of the lasso holds`() throws {
        // Lasso(alpha=0.1) on [[0, 0], [1, 1], [2, 2]]: the columns are equal, so only the sum is determined.
        let trainer = Trainer(
            Sequential { Linear(1, weight: .zeros, biasInitial: .zeros) }, loss: .meanSquaredError(scale: 0.5),
            optimizer: SGD(learningRate: 0.1), schedule: .cosine(), batchSize: 3
        ) {
            L1(0.1)
        }
        let data = try Dataset(inputs: [[0, 0], [1, 1], [2, 2]], targets: [[0], [1], [2]])
        let run = try trainer.fit(data, epochs: 3000)
        let weights = try #require(run.variables["linear1.weight"]).scalars
        #expect(abs(weights[0] + weights[1] - 0.85) < 1e-3)
        #expect(abs(try #require(run.variables["linear1.bias"]).item - 0.15) < 1e-3)
    }

    @Test func `strength zero changes nothing`() throws {
        let weights = Tensor.normal([5, 3], from: RandomStream(seed: 1, purpose: "weights"))
        let (value, gradient) = try penalty(of: L1(0), at: weights)
        #expect(value == 0)
        #expect(gradient.scalars.allSatisfy { $0 == 0 })
    }

    @Test func `a negative strength is refused with the allowed range`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { _ = L1(-1) }
        let resultText = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(resultText.contains("must be in 0..<infinity but is -1"))
    }
}
