import Ballast
import Testing

/// Metrics against values worked out by hand, over batches that are gathered one after the other.
struct MetricTests {
    private func measure(_ metric: Metric, _ batches: [(output: Tensor, target: Tensor)]) -> Double {
        var sums = [Double](repeating: 0, count: metric.accumulatorCount)
        for batch in batches { metric.update(batch.output, batch.target, &sums) }
        return metric.result(sums)
    }

    private let logits = Tensor([9, 1, 2, 3, 5, 4, 0, 0, 0, -1, -3, -2, 2, 8, 8], shape: [5, 3])
    private let labels = Tensor(integers: [0, 2, 1, 1, 2])

    @Test func `accuracy counts the rows whose greatest output is at the label`() {
        // Rows: hit; second; tie of all, so that 0 is the guess; last; tie of 1 and 2, so that 1 is the guess.
        #expect(measure(.accuracy, [(logits, labels)]) == 1.0 / 5)
        #expect(measure(.topAccuracy(2), [(logits, labels)]) == 4.0 / 5)
        #expect(measure(.topAccuracy(3), [(logits, labels)]) == 1)
        #expect(Metric.topAccuracy(2).name == "top-2 accuracy")
    }

    @Test func `accuracy takes targets that are probabilities at their greatest`() {
        let soft = Tensor([0.9, 0.1, 0, 0.2, 0.2, 0.6, 0.1, 0.8, 0.1, 0, 1, 0, 0.3, 0.3, 0.4], shape: [5, 3])
        #expect(measure(.accuracy, [(logits, soft)]) == 1.0 / 5)
    }

    @Test func `an output that is not a number is never right`() {
        let bad = Tensor([.nan, .nan, .nan, 1], shape: [2, 2])
        #expect(measure(.accuracy, [(bad, Tensor(integers: [0, 0]))]) == 0)
    }

    @Test func `mean squared error and R2 are those of the whole data, whatever the batches`() {
        let output: [Float] = [2.5, 0, 2, 8, 1]
        let target: [Float] = [3, -0.5, 2, 7, 0]
        // Squares of the errors: 0.25 + 0.25 + 0 + 1 + 1 = 2.5. The mean is 2.3, so Σ(y − ȳ)² is
        // 0.49 + 7.84 + 0.09 + 22.09 + 5.29 = 35.8.
        for cuts in [[0, 5], [0, 1, 5], [0, 2, 4, 5]] {
            let batches = zip(cuts, cuts.dropFirst()).map { start, stop in
                (output: Tensor(Array(output[start..<stop])), target: Tensor(Array(target[start..<stop])))
            }
            #expect(abs(measure(.meanSquaredError, batches) - 0.5) < 1e-12)
            #expect(abs(measure(.r2, batches) - (1 - 2.5 / 35.8)) < 1e-12)
        }
    }

    @Test func `a run measures its metrics over all batches of the validation data`() throws {
        let data = try Problem.rows(700)
        let run = try Trainer(
            Problem.perceptron, loss: .crossEntropy, optimizer: Adam(), metrics: [.accuracy, .topAccuracy(2)],
            batchSize: 64
        ).fit(data.prefix(100), validation: data, epochs: 1)
        let batch = try #require(Array(data.batches(ofSize: 700)).first)
        let output = try run.predict(batch.input)
        let hits = zip(output.argmax().integers, batch.target.integers).filter { $0 == $1 }.count
        #expect(run.history[0].validationMetrics.map(\.name) == ["accuracy", "top-2 accuracy"])
        #expect(run.history[0].value("accuracy") == Double(hits) / 700)
        #expect(try #require(run.history[0].value("top-2 accuracy")) >= Double(hits) / 700)
    }
}
