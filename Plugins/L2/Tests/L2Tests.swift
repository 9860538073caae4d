import Ballast
import BallastL2
import TestSupport
import Testing

struct L2Tests {
    @Test(arguments: [[1, 1], [7, 13], [16, 17], [33, 5], [1, 31]], [L2.Convention.half, .full])
    func `value and gradient are those of the formula`(shape: [Int], convention: L2.Convention) throws {
        let weights = Tensor.normal(Shape(shape), from: RandomStream(seed: 1, purpose: "weights"))
        let (value, gradient) = try penalty(of: L2(0.25, convention: convention), at: weights)
        let factor: Float = convention == .half ? 0.125 : 0.25
        let expected = Double(factor) * weights.scalars.reduce(0) { $0 + Double($1) * Double($1) }
        #expect(abs(value - expected) <= 1e-5 * expected)
        #expect(relativeError(gradient, weights * (2 * factor)) <= 1e-5)
    }

    @Test(arguments: ["mlp", "cnn"])
    func `100 steps end where PyTorch's do`(net: String) throws {
        let runs: [String: Trajectory] = try fixture("trajectories.json")
        let sgd = try #require(runs["sgd-\(net)"])
        #expect(try sgd.differences { L2(0.02) } == [])
        let all = try #require(runs["sgd-all-\(net)"])
        #expect(try all.differences { L2(0.02, on: .all) } == [])
        let adam = try #require(runs["adam-\(net)"])
        #expect(try adam.differences(optimizer: Adam(learningRate: 0.01)) { L2(0.02) } == [])
        let penalty = try #require(runs["penalty-\(net)"])
        #expect(try penalty.differences { L2(0.01, convention: .full) } == [])
    }

    @Test func `training to convergence arrives at ridge regression`() throws {
        let problem: LinearProblem = try fixture("optimum.json")
        let solution = try problem.solve(steps: 1000, learningRate: 0.1) { L2(problem.strength) }
        #expect(problem.differences(from: solution) == [])
    }

    @Test func `scikit-learn's documented example of ridge holds`() throws {
        // Ridge(alpha=0.5): the sum of squares plus 0.5 ‖w‖² is 3 times the mean plus as much.
        let trainer = Trainer(
            Sequential { Linear(1, weight: .zeros, biasInitial: .zeros) }, loss: .meanSquaredError,
            optimizer: SGD(learningRate: 0.2), batchSize: 3
        ) {
            L2(0.5 / 3, convention: .full)
        }
        let data = try Dataset(inputs: [[0, 0], [0, 0], [1, 1]], targets: [[0], [0.1], [1]])
        let run = try trainer.fit(data, epochs: 1000)
        let weights = try #require(run.variables["linear1.weight"]).scalars
        #expect(weights.allSatisfy { abs($0 - 0.34545455) < 1e-5 })
        #expect(abs(try #require(run.variables["linear1.bias"]).item - 0.13636364) < 1e-5)
    }

    @Test func `a selector and a strength of zero limit what it acts on`() throws {
        let weights = Tensor.normal([5, 3], from: RandomStream(seed: 1, purpose: "weights"))
        #expect(try penalty(of: L2(0), at: weights).value == 0)
        // The bias is zero in this model.
        let (value, gradient) = try penalty(of: L2(1, on: .named("*.bias")), at: weights)
        #expect(value == 0)
        #expect(gradient.scalars.allSatisfy { $0 == 0 })
    }

    @Test func `a strength that is not finite is refused with the allowed range`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { _ = L2(.nan) }
        let resultText = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(resultText.contains("must be in 0..<infinity but is nan"))
    }
}
