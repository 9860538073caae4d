import Ballast
import BallastElasticNet
import TestSupport
import Testing

struct ElasticNetTests {
    @Test(arguments: [[1, 1], [7, 13], [16, 17], [33, 5]], [Float(0), 0.3, 1])
    func `value and gradient are those of the formula`(shape: [Int], share: Float) throws {
        let weights = Tensor.normal(Shape(shape), from: RandomStream(seed: 1, purpose: "weights"))
        let (value, gradient) = try penalty(of: ElasticNet(0.25, magnitudeShare: share), at: weights)
        let expected = weights.scalars.reduce(0.0) {
            $0 + 0.25 * (Double(share) * Double($1.magnitude) + (1 - Double(share)) / 2 * Double($1) * Double($1))
        }
        #expect(abs(value - expected) <= 1e-5 * expected)
        let slope = Tensor(
            weights.scalars.map { 0.25 * (share * ($0 > 0 ? 1 : -1) + (1 - share) * $0) }, shape: weights.shape)
        #expect(relativeError(gradient, slope) <= 1e-5)
    }

    @Test(arguments: ["elastic-mlp", "elastic-cnn"])
    func `100 steps end where PyTorch's do`(name: String) throws {
        let runs: [String: Trajectory] = try fixture("trajectories.json")
        let run = try #require(runs[name])
        #expect(try run.differences { ElasticNet(0.02, magnitudeShare: 0.3) } == [])
    }

    @Test func `training to convergence arrives at scikit-learn's optimum`() throws {
        let problem: LinearProblem = try fixture("optimum.json")
        let solution = try problem.solve(steps: 4000, learningRate: 0.05, schedule: .cosine()) {
            ElasticNet(problem.strength, magnitudeShare: 0.4)
        }
        #expect(problem.differences(from: solution) == [])
    }

    @Test func `hyper-parameters out of range are refused with the allowed range`() async {
        let share = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = ElasticNet(1, magnitudeShare: 1.5)
        }
        let shareText = String(decoding: share?.standardErrorContent ?? [], as: UTF8.self)
        #expect(shareText.contains("must be in 0...1 but is 1.5"))
        let strength = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = ElasticNet(-2)
        }
        let strengthText = String(decoding: strength?.standardErrorContent ?? [], as: UTF8.self)
        #expect(strengthText.contains("must be in 0..<infinity but is -2"))
    }
}
