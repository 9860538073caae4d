import Ballast
import BallastReduceOnPlateau
import BallastTesting
import Foundation
import TestSupport
import Testing

struct ReduceOnPlateauTests {
    /// The learning rates that PyTorch uses in the epochs of a series.
    struct Case: Decodable {
        let series: [String]
        let mode: String
        let patience: Int
        let cooldown: Int
        let threshold: Double
        let minimum: Float
        let rates: [Float]

        var rule: ReduceOnPlateau {
            ReduceOnPlateau(
                by: 0.3, patience: patience, monitor: "series", threshold: threshold, cooldown: cooldown,
                minimumLearningRate: minimum)
        }
    }

    /// A run whose validation metric follows a series: its model is one number that grows by one an epoch.
    private func run(
        _ series: [Double], isHigherBetter: Bool = false, checkpoints: CheckpointPolicy? = nil, epochs: Int? = nil,
        _ rule: ReduceOnPlateau
    ) throws -> Run {
        let metric = Metric("series", isHigherBetter: isHigherBetter, accumulatorCount: 1) { output, _, sums in
            sums[0] = Double(output.item)
        } result: { sums in
            let epoch = Int(sums[0].rounded()) - 1
            return series.indices.contains(epoch) ? series[epoch] : .nan
        }
        let trainer = Trainer(
            Sequential { Linear(1, weight: .zeros, biasInitial: .zeros) }, loss: .meanSquaredError,
            optimizer: Counter(), metrics: [metric], batchSize: 1
        ) { rule }
        let data = try Dataset(inputs: [[0]], targets: [[0]])
        return try trainer.fit(data, validation: data, epochs: epochs ?? series.count, checkpoints: checkpoints)
    }

    @Test func `learning rates are those of PyTorch on recorded series`() throws {
        let cases: [Case] = try fixture("rates.json")
        #expect(cases.count > 100)
        for recorded in cases {
            let series = recorded.series.map { Double($0) ?? .nan }
            let run = try run(series, isHigherBetter: recorded.mode == "max", recorded.rule)
            for (record, rate) in zip(run.history, recorded.rates) {
                #expect(abs(Float(record.learningRate) - rate) <= 1e-6 * rate, "epoch \(record.epoch) of \(recorded)")
            }
        }
    }

    @Test(arguments: 1..<8)
    func `what it has counted survives a resume`(stop: Int) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("plateau-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let rule = ReduceOnPlateau(by: 0.5, patience: 1, monitor: "series", cooldown: 1)
        let series = [3.0, 1, 2, 2.5, 0.5, 4, 5, 6, 7]
        let whole = try run(series, rule)
        #expect(Set(whole.history.map(\.learningRate)).count > 2, "it must act for this test to show anything")
        _ = try run(series, checkpoints: CheckpointPolicy(in: folder), epochs: stop, rule)
        let resumed = try run(series, checkpoints: CheckpointPolicy(in: folder), rule)
        #expect(resumed.history.map(\.learningRate) == whole.history.map(\.learningRate))
    }

    @Test func `what is not measured is refused`() throws {
        let error = #expect(throws: CompositionError.self) {
            _ = try run([1, 2], ReduceOnPlateau(monitor: "accuracy"))
        }
        #expect(error?.diagnostics.map(\.identifier) == ["no-such-metric"])
        let trainer = Trainer(Linear(1), loss: .meanSquaredError, optimizer: SGD(learningRate: 0.1)) {
            ReduceOnPlateau()
        }
        let data = try Dataset(inputs: [[0]], targets: [[0]])
        let other = #expect(throws: CompositionError.self) { _ = try trainer.fit(data, epochs: 1) }
        #expect(other?.diagnostics.map(\.identifier) == ["no-validation"])
    }

    @Test func `hyper-parameters out of range are refused with the value`() async {
        let factor = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = ReduceOnPlateau(by: 1)
        }
        let text = String(decoding: factor?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("ReduceOnPlateau: the factor must be positive and below 1 but is 1.0"))
    }

    @Test func `keeps the laws of every technique`() {
        let violations = Laws.check(
            ReduceOnPlateau(patience: 0), renamed: { ReduceOnPlateau(patience: 0, named: $0) })
        #expect(violations.isEmpty, "\(violations)")
    }
}

/// Adds 1 to biases at each step, so that a model counts.
private struct Counter: Optimizer {
    let learningRate: Float = 1

    func update(_ gradient: Tensor, of parameter: Tensor, slots: inout [Tensor], at step: OptimizerStep) -> Tensor {
        parameter.rank == 1 ? .ones(parameter.shape) : .zeros(parameter.shape)
    }
}
