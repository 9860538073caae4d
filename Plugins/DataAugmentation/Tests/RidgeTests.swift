import Ballast
import BallastDataAugmentation
import Testing

/// Noise on the inputs of linear regression is a ridge (Bishop, 1995): with the standard deviation s, the mean loss is in
/// expectation that without noise plus s² ‖w‖².
@Suite struct RidgeTests {
    private let rows = 16
    private let columns = 4
    private let deviation: Float = 0.3
    private var x: Tensor { .normal([rows, columns], from: RandomStream(seed: 3, purpose: "x")) }
    private var y: Tensor { .normal([rows, 1], from: RandomStream(seed: 3, purpose: "y")) }

    private func data(copies: Int) throws -> Dataset {
        try Dataset(
            inputs: Column(floats: (0..<copies).flatMap { _ in x.scalars }, itemShape: [columns]),
            targets: Column(floats: (0..<copies).flatMap { _ in y.scalars }, itemShape: [1]))
    }

    @Test(arguments: [Augmentation.gaussianNoise(deviation: 0.3), .featureJitter(0.3)])
    func `the loss under noise is the loss without it and a ridge, in expectation`(noise: Augmentation) throws {
        let weights: [Float] = [1, -0.5, 2, 0.25]
        let trainer = Trainer(
            Sequential { Linear(1, bias: false, weight: .values(weights)) }, loss: .meanSquaredError,
            optimizer: SGD(learningRate: 0), batchSize: rows
        ) { DataAugmentation(noise) }
        let losses = try trainer.fit(data(copies: 1), epochs: 2000).history.map(\.trainLoss)
        let mean = losses.reduce(0, +) / Double(losses.count)
        let spread = (losses.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(losses.count - 1)).squareRoot()
        let w = Tensor(weights, shape: [columns, 1])
        let residual = (y - matmul(x, w)).squared().mean().item
        let ridge = deviation * deviation * w.squared().sum().item
        let allowed = 5 * spread / Double(losses.count).squareRoot()
        #expect(abs(mean - Double(residual + ridge)) < allowed, "\(mean), expected \(residual) + \(ridge)")
        #expect(Double(ridge) > 2 * allowed, "without the ridge the test must fail")
    }

    @Test func `training under noise arrives where training with the penalty does`() throws {
        struct Ridge: LossPenalty {
            let strength: Float
            func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
                parameters.weights.sumOfSquares(scale: strength)
            }
        }
        func trained(_ techniques: any Technique...) throws -> [Float] {
            let trainer = Trainer(
                Sequential { Linear(1, bias: false, weight: .zeros) }, loss: .meanSquaredError,
                optimizer: SGD(learningRate: 0.2), schedule: .cosine(final: 0.05), batchSize: 100 * rows,
                composition: Composition(techniques))
            let run = try trainer.fit(data(copies: 100), epochs: 100)
            return run.variables["linear1.weight"]?.scalars ?? []
        }
        let noisy = try trained(DataAugmentation(.gaussianNoise(deviation: 2 * deviation)))
        let ridge = try trained(Ridge(strength: 4 * deviation * deviation))
        let plain = try trained()
        #expect(noisy.count == columns && ridge.count == columns && plain.count == columns)
        for index in noisy.indices {
            #expect(
                abs(noisy[index] - ridge[index]) < 0.02, "weight \(index): \(noisy[index]), expected \(ridge[index])")
        }
        let distance = zip(plain, ridge).map { abs($0 - $1) }.max() ?? 0
        #expect(distance > 0.1, "the ridge moves no weight by more than \(distance)")
    }
}
