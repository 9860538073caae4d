import Ballast
import BallastPlugins
import Testing

/// Monitors whose metric has a direction, crossed with modes: the epoch that is restored is the best in that direction.
struct MonitorTraps {
    /// Numbers that a metric gives epoch by epoch; the run is left with the parameters of one of the epochs, which are
    /// all equal to its number.
    private func restored(
        _ values: [Double], isHigherBetter: Bool, mode: EarlyStopping.Mode?, patience: Int = 2
    ) throws -> (epoch: Int, run: Run) {
        let log = Log()
        let metric = Metric("planned", isHigherBetter: isHigherBetter, accumulatorCount: 0) { _, _, _ in
        } result: { _ in
            defer { log.add("") }
            return values[log.all.count]
        }
        let data = try Problem.rows()
        let run = try Trainer(
            Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0), metrics: [metric], batchSize: 60
        ) {
            EarlyStopping(patience: patience, monitor: "planned", mode: mode)
            CallbackProbe(name: "mark") { epoch, context in
                .replace(context.variables.mapParameters { Tensor.full($0.value.shape, Float(epoch.epoch + 1)) })
            }
        }.start(data, validation: data, epochs: values.count)
        try run.replaceVariables(run.variables.mapParameters { Tensor.zeros($0.value.shape) })
        try run.finish()
        let marks = Set(run.variables.parameters.flatMap(\.value.scalars))
        return (marks.count == 1 ? Int(marks.first ?? -1) : -1, run)
    }

    @Test(arguments: [true, false], [EarlyStopping.Mode?.none, .minimum, .maximum])
    func `the best epoch is the best in the direction of the metric, or of the mode`(
        isHigherBetter: Bool, mode: EarlyStopping.Mode?
    ) throws {
        let maximizes = mode.map { $0 == .maximum } ?? isHigherBetter
        let rising: [Double] = [0.2, 0.3, 0.5, 0.4, 0.45, 0.1, 0.9]
        let (epoch, run) = try restored(rising, isHigherBetter: isHigherBetter, mode: mode)
        #expect(epoch == (maximizes ? 2 : 0))
        #expect(run.history.count == (maximizes ? 5 : 3))
        let against = mode != nil && maximizes != isHigherBetter
        #expect(run.diagnostics.map(\.identifier) == (against ? ["monitor-against-direction"] : []))
    }

    @Test func `early stopping on accuracy keeps the most accurate epoch`() throws {
        let data = try Problem.rows()
        let run = try Trainer(
            Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 1.5, momentum: 0.9), batchSize: 8
        ) { EarlyStopping(patience: 3, monitor: "accuracy") }.fit(data, validation: data, epochs: 12, seed: 3)
        let accuracies = run.history.compactMap { $0.value("accuracy") }
        let best = try #require(accuracies.max())
        #expect(Set(accuracies).count > 1, "the accuracies must differ for this test to show anything: \(accuracies)")
        #expect(try run.evaluate(data)["accuracy"] == best)
        #expect(run.diagnostics.isEmpty)
    }

    @Test func `early stopping on R² keeps the greatest`() throws {
        let x = RandomStream(seed: 1, purpose: "x").uniforms(64)
        let data = try Dataset(inputs: x.map { [$0] }, targets: x.map { [3 * $0 - 1] })
        let run = try Trainer(
            Sequential { Linear(1) }, loss: .meanSquaredError, optimizer: SGD(learningRate: 0.9, momentum: 0.95),
            metrics: [.r2, .meanSquaredError], batchSize: 16
        ) {
            EarlyStopping(patience: 4, monitor: "R²")
            EarlyStopping(patience: 4, monitor: "MSE", named: "Errors")
        }.fit(data, validation: data, epochs: 10)
        let values = run.history.compactMap { $0.value("R²") }
        #expect(values.last != values.max(), "the last epoch must not be the best: \(values)")
        #expect(try run.evaluate(data)["R²"] == values.max())
    }
}
