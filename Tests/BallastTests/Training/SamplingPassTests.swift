import BallastPlugins
import Testing

/// Passes that predict with noise.
struct SamplingPassTests {
    private func trained(_ composition: Composition) throws -> Run {
        let rows = (0..<16).map { [Float($0) / 8, Float($0 % 5)] }
        let trainer = Trainer(
            Sequential {
                Linear(8); ReLU(); Linear(1)
            }, loss: .meanSquaredError, optimizer: SGD(learningRate: 0.01),
            batchSize: 8, composition: composition)
        return try trainer.fit(Dataset(inputs: rows, targets: rows.map { [$0[0] - $0[1]] }), epochs: 3, seed: 1)
    }

    @Test func `normalization keeps to its running statistics`() throws {
        let run = try trained(Composition { BatchNorm(at: .before(.activations)) })
        let before = run.variables.entries.map(\.value.scalars)
        let input = Tensor([0.3, 4, -2, 1], shape: [2, 2])
        let prediction = try run.predict(input, samples: 5)
        #expect(prediction.mean.scalars == (try run.predict(input).scalars))
        #expect(prediction.variance.scalars == [0, 0])
        #expect(run.variables.entries.map(\.value.scalars) == before)
    }

    @Test func `noise beside normalization gives a sample its spread`() throws {
        let run = try trained(
            Composition {
                BatchNorm(at: .before(.activations))
                Dropout(0.5)
            })
        let prediction = try run.predict(Tensor([0.3, 4], shape: [1, 2]), samples: 20)
        #expect(prediction.variance.item > 0)
    }

    @Test func `a negative draw is refused`() throws {
        let data = try Dataset(inputs: [[1]], targets: [[1]])
        let trainer = Trainer(Linear(1), loss: .meanSquaredError, optimizer: SGD(learningRate: 0.1))
        let run = try trainer.start(data, epochs: 1)
        expect(
            message(of: DataError.self) { _ = try run.predict(Tensor([1], shape: [1, 1]), draw: -1) },
            holds: "the draw of a prediction must not be negative but is -1")
    }
}
