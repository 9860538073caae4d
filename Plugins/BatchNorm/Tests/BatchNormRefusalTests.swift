import Ballast
import BallastBatchNorm
import TestSupport
import Testing

/// What batch normalization refuses, with the value, the place and the cure.
@Suite struct BatchNormRefusalTests {
    @Test func `a momentum out of range`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = BatchNorm(momentum: 1.5)
        }
        #expect(result.said("BatchNorm: the momentum must be in 0...1 (or nil for the average) but is 1.5"))
    }

    @Test func `an epsilon that is not positive`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = BatchNorm(epsilon: -1e-5)
        }
        #expect(result.said("BatchNorm: epsilon must be positive and finite but is -1e-05"))
    }

    @Test func `one value per channel in training, while composing`() throws {
        let data = try Dataset(inputs: [[1, 2], [3, 4], [5, 6]], labels: [0, 1, 2])
        let trainer = Trainer(
            NormalizationReference.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1), batchSize: 2
        ) { BatchNorm() }
        let error = #expect(throws: CompositionError.self) { try trainer.fit(data, epochs: 1) }
        let finding = try #require(error?.diagnostics.first)
        #expect(finding.identifier == "batch-norm-of-one")
        #expect(finding.message.contains("3 samples in batches of 2 leave 1 for the last"))
        #expect(finding.suggestion.contains("choose a batch size that does not leave one sample for the last batch"))
    }

    /// Hands on the first sample of each batch only.
    struct First: BatchWrapper {
        func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
            Batch(input: batch.input.slice(axis: 0, 0..<1), target: Tensor(integers: [batch.target.integers[0]]))
        }
    }

    @Test func `a technique that makes batches smaller is named`() throws {
        let data = try Dataset(inputs: [[1, 2], [3, 4]], labels: [0, 1])
        let trainer = Trainer(
            NormalizationReference.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1), batchSize: 2
        ) {
            First()
            BatchNorm()
        }
        let error = #expect(throws: TrainingError.self) { _ = try trainer.fit(data, epochs: 1) }
        let mistake = try #require(error?.underlying as? TechniqueError)
        #expect(mistake.technique == "First" && mistake.hook == .forwardWrapper)
        #expect(error?.run?.stepCount == 0)
    }

    @Test func `an input without channels`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = try Trainer(Linear(3), loss: .crossEntropy, optimizer: SGD(learningRate: 0.1)) {
                BatchNorm(at: .input)
            }.plan(inputShape: [])
        }
        #expect(result.said("\"BatchNorm/input\" needs [batch, channels, ...], but its input has shape [1]"))
    }
}

extension ExitTest.Result? {
    fileprivate func said(_ text: String) -> Bool {
        String(decoding: self?.standardErrorContent ?? [], as: UTF8.self).contains(text)
    }
}
