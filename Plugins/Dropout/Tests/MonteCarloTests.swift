import Ballast
import BallastDropout
import Foundation
import Testing

struct MonteCarloTests {
    /// Adds to its input 1 in training, 10 in sampling, nothing in evaluation: what a pass is taken for.
    private struct Witness: Layer {
        func forward(_ x: Tensor, in scope: Scope) -> Tensor {
            x + (scope.isTraining ? 1 : scope.phase == .stochasticEvaluation ? 10 : 0)
        }
    }

    private func trained(
        _ dropout: Dropout, loss: Loss = .meanSquaredError, seed: UInt64 = 3, epochs: Int = 2
    ) throws -> Run {
        let inputs = (0..<12).map { [Float($0) / 12, Float($0 % 3)] }
        let data =
            loss.target == .classes
            ? try Dataset(inputs: inputs, labels: (0..<12).map { Int32($0 % 3) })
            : try Dataset(inputs: inputs, targets: inputs.map { [$0[0], $0[1], 1] })
        let trainer = Trainer(
            Sequential {
                Linear(16); ReLU(); Linear(3)
            }, loss: loss, optimizer: SGD(learningRate: 0.1), batchSize: 4
        ) { dropout }
        return try trainer.fit(data, epochs: epochs, seed: seed)
    }

    private let input = Tensor([0.1, 0.7, -0.4, 2], shape: [2, 2])

    @Test func `without noise the variance is exactly zero and the mean is the prediction`() throws {
        let run = try trained(Dropout(0))
        let prediction = try run.predict(input, samples: 7)
        #expect(prediction.variance.scalars == [Float](repeating: 0, count: 6))
        #expect(prediction.mean.scalars == (try run.predict(input).scalars))
        #expect(prediction.predictiveEntropy == nil)
        #expect(prediction.sampleCount == 7)
    }

    @Test func `mean and variance are those of the samples`() throws {
        let run = try trained(Dropout(0.5))
        let prediction = try run.predict(input, samples: 20)
        let samples = try (0..<20).map { try run.predict(input, draw: $0).scalars.map(Double.init) }
        #expect(Set(samples).count > 10, "the samples differ")
        for element in 0..<6 {
            let mean = samples.reduce(0) { $0 + $1[element] } / 20
            let variance = samples.reduce(0) { $0 + ($1[element] - mean) * ($1[element] - mean) } / 20
            #expect(abs(Double(prediction.mean.scalars[element]) - mean) < 1e-6, "element \(element)")
            #expect(
                abs(Double(prediction.variance.scalars[element]) - variance) < 1e-6 * max(1, variance),
                "element \(element)")
            #expect(variance > 0)
        }
    }

    @Test func `samples depend on seed and index, not on what was asked before`() throws {
        let first = try trained(Dropout(0.5))
        let second = try trained(Dropout(0.5))
        _ = try second.predict(input, samples: 3)
        _ = try second.predict(input)
        #expect(try first.predict(input, draw: 5).scalars == second.predict(input, draw: 5).scalars)
        #expect(try first.predict(input, draw: 5).scalars != first.predict(input, draw: 6).scalars)
        let other = try trained(Dropout(0.5), seed: 4)
        try other.replaceVariables(first.variables)
        #expect(try other.predict(input, draw: 5).scalars != first.predict(input, draw: 5).scalars)
    }

    @Test func `sampling leaves training as it was`() throws {
        func weights(sampling: Bool) throws -> [[Float]] {
            let inputs = (0..<8).map { [Float($0)] }
            let trainer = Trainer(
                Sequential {
                    Linear(4); ReLU(); Linear(1)
                }, loss: .meanSquaredError,
                optimizer: SGD(learningRate: 0.01), batchSize: 4
            ) { Dropout(0.5) }
            let run = try trainer.start(Dataset(inputs: inputs, targets: inputs), epochs: 3, seed: 1)
            while try run.step() {
                if sampling { _ = try run.predict(Tensor([1], shape: [1, 1]), samples: 2) }
            }
            return run.variables.entries.map { $0.value.scalars }
        }
        #expect(try weights(sampling: true) == weights(sampling: false))
    }

    @Test func `a classifier's mean is of probabilities, with its entropy`() throws {
        let run = try trained(Dropout(0.3), loss: .crossEntropy)
        let prediction = try run.predict(input, samples: 16)
        let mean = prediction.mean.scalars
        let entropy = try #require(prediction.predictiveEntropy)
        #expect(entropy.shape == [2])
        for row in 0..<2 {
            let probabilities = mean[row * 3..<row * 3 + 3]
            #expect(abs(probabilities.reduce(0, +) - 1) < 1e-5)
            let expected = -probabilities.reduce(0) { $0 + $1 * Foundation.log($1) }
            #expect(abs(entropy.scalars[row] - expected) < 1e-5, "row \(row): \(entropy.scalars[row]), not \(expected)")
        }
    }

    @Test func `a certain classifier has no entropy, and no NaN`() throws {
        let run = try trained(Dropout(0.3), loss: .crossEntropy, epochs: 0)
        let certain = run.variables.mapParameters { entry in
            entry.path == "linear2.bias" ? Tensor([1000, 0, 0]) : .zeros(entry.value.shape)
        }
        try run.replaceVariables(certain)
        #expect(try run.predict(input, samples: 4).predictiveEntropy?.scalars.map(abs) == [0, 0])
    }

    @Test func `a sampling pass is neither training nor evaluation`() throws {
        let data = try Dataset(inputs: [[1], [2]], targets: [[1], [2]])
        let trainer = Trainer(
            Sequential {
                Linear(1); Witness()
            }, loss: .meanSquaredError, optimizer: SGD(learningRate: 0.1))
        let run = try trainer.start(data, epochs: 1)
        let one = Tensor([1], shape: [1, 1])
        #expect(abs(try run.predict(one, draw: 0).item - run.predict(one).item - 10) < 1e-5)
    }

    @Test func `a saved model draws the samples of its run`() throws {
        let run = try trained(Dropout(0.5), seed: 9)
        let folder = FileManager.default.temporaryDirectory.appending(path: "monte-carlo-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "model.safetensors")
        try run.saveModel(to: file)
        let loaded = try run.trainer.loadModel(from: file).predict(input, samples: 5)
        let own = try run.predict(input, samples: 5)
        #expect(loaded.mean.scalars == own.mean.scalars)
        #expect(loaded.variance.scalars == own.variance.scalars)
    }

    @Test func `inputs of another shape are refused`() throws {
        let run = try trained(Dropout(0.5))
        #expect(throws: DataError.self) { try run.predict(Tensor([1], shape: [1, 1]), samples: 2) }
    }
}
