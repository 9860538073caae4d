import Ballast
import BallastEarlyStopping
import Foundation
import TestSupport
import Testing

struct EarlyStoppingTests {
    /// What Keras and Lightning decide on a series.
    struct Decision: Decodable {
        let series: [String]
        let patience: Int
        let minDelta: Double
        let mode: String
        let warmUp: Int
        let best: Int
        let stop: Int

        var values: [Double] { series.map { Double($0) ?? .nan } }
    }

    /// A run whose validation metric follows a series: its model is one number that grows by one an epoch.
    private func run(
        _ series: [Double], checkpoints: CheckpointPolicy? = nil, epochs: Int? = nil, _ rule: EarlyStopping
    ) throws -> Run {
        let metric = Metric("series", isHigherBetter: false, accumulatorCount: 1) { output, _, sums in
            sums[0] = Double(output.item)
        } result: { sums in
            let epoch = Int(sums[0].rounded()) - 1
            return series.indices.contains(epoch) ? series[epoch] : .nan
        }
        let trainer = Trainer(
            Sequential { Linear(1, weight: .zeros, biasInitial: .zeros) }, loss: .meanSquaredError,
            optimizer: Counter(), metrics: [metric], batchSize: 1, composition: Composition([rule]))
        let data = try Dataset(inputs: [[0]], targets: [[0]])
        return try trainer.fit(data, validation: data, epochs: epochs ?? series.count, checkpoints: checkpoints)
    }

    @Test func `best and stop epoch are those of Keras and Lightning on recorded series`() throws {
        let decisions: [Decision] = try fixture("decisions.json")
        #expect(decisions.count > 150)
        for decision in decisions {
            let rule = EarlyStopping(
                patience: decision.patience, monitor: "series", mode: decision.mode == "min" ? .minimum : .maximum,
                minDelta: decision.minDelta, warmUp: decision.warmUp)
            let run = try run(decision.values, rule)
            let stop =
                run.history.count == decision.series.count && run.end?.description.hasPrefix("all") == true
                ? -1 : run.history.count - 1
            #expect(stop == decision.stop, "\(decision)")
            // The model counts epochs: what it says after the run is the epoch that was restored.
            let counted = try run.predict(Tensor([0], shape: [1, 1])).item
            let restored = decision.best >= 0 ? decision.best + 1 : run.history.count
            #expect(Int(counted.rounded()) == restored, "\(decision)")
        }
    }

    @Test func `the reason of stopping names the technique, the number and the best epoch`() throws {
        let run = try run([3, 2, 1, 4, 5, 6], EarlyStopping(patience: 2, monitor: "series"))
        #expect(run.end?.description == "EarlyStopping: no better series for 2 epochs (best 1.0 in epoch 3)")
        #expect(run.history.count == 5)
    }

    @Test func `the last variables stay if the best are not wanted`() throws {
        let run = try run([3, 2, 1, 4, 5, 6], EarlyStopping(patience: 2, monitor: "series", restoresBest: false))
        #expect(Int(try run.predict(Tensor([0], shape: [1, 1])).item.rounded()) == 5)
    }

    @Test(arguments: [1, 2, 3, 4])
    func `best value, patience and best variables survive a resume`(stop: Int) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("early-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let rule = EarlyStopping(patience: 3, monitor: "series")
        let series = [3.0, 1, 2, 2.5, 0.5, 4, 5, 6, 7]
        let first = try run(series, checkpoints: CheckpointPolicy(in: folder), epochs: stop, rule)
        #expect(first.history.count == stop)
        let resumed = try run(series, checkpoints: CheckpointPolicy(in: folder), rule)
        let whole = try run(series, rule)
        #expect(resumed.history.map { $0.validationMetrics } == whole.history.map { $0.validationMetrics })
        #expect(resumed.end?.description == whole.end?.description)
        #expect(resumed.variables["linear1.bias"]?.scalars == whole.variables["linear1.bias"]?.scalars)
        #expect(resumed.variables["linear1.bias"]?.scalars == [5])
    }

    @Test func `watching something that is not measured is refused with what there is`() throws {
        let error = #expect(throws: CompositionError.self) {
            _ = try run([1, 2], EarlyStopping(patience: 1, monitor: "accuracy"))
        }
        #expect(error?.description.contains("choose among: trainLoss, validationLoss, series") == true)
    }

    @Test func `a run without validation data is refused`() throws {
        let trainer = Trainer(Sequential { Linear(1) }, loss: .meanSquaredError, optimizer: SGD(learningRate: 0.1)) {
            EarlyStopping(patience: 1)
        }
        let data = try Dataset(inputs: [[0]], targets: [[0]])
        let error = #expect(throws: CompositionError.self) { _ = try trainer.fit(data, epochs: 1) }
        #expect(error?.diagnostics.map(\.identifier) == ["no-validation"])
        #expect(error?.description.contains("hand validation data to fit") == true)
    }

    @Test func `hyper-parameters out of range are refused with the value`() async {
        let patience = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = EarlyStopping(patience: 0)
        }
        let patienceText = String(decoding: patience?.standardErrorContent ?? [], as: UTF8.self)
        #expect(patienceText.contains("patience must be at least 1 but is 0"))
        let delta = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = EarlyStopping(patience: 1, minDelta: -1)
        }
        let deltaText = String(decoding: delta?.standardErrorContent ?? [], as: UTF8.self)
        #expect(deltaText.contains("minDelta must be finite and not negative but is -1.0"))
    }
}

/// Adds 1 to biases at each step, so that a model counts.
private struct Counter: Optimizer {
    let learningRate: Float = 1

    func update(_ gradient: Tensor, of parameter: Tensor, slots: inout [Tensor], at step: OptimizerStep) -> Tensor {
        parameter.rank == 1 ? .ones(parameter.shape) : .zeros(parameter.shape)
    }
}
