internal import BallastCore
internal import BallastReports

/// The losses of a comparison, epoch by epoch.
struct LossCurves {
    let charts: [any ReportFigure]

    init(_ results: [ComparedRun], isLogarithmic: Bool) {
        var names: [String] = []
        for result in results where !names.contains(result.composition) { names.append(result.composition) }
        func curves(_ value: (EpochRecord) -> Double?) -> [Chart.Series] {
            names.enumerated().compactMap { color, name in
                let runs = results.filter { $0.composition == name }.map { $0.run.history.map(value) }
                return LossCurves.mean(runs).map { mean, deviation in
                    Chart.Series(
                        name, x: mean.indices.map { Double($0 + 1) }, y: mean, spread: runs.count > 1 ? deviation : [],
                        color: color)
                }
            }
        }
        let metric = results.first?.run.trainer.metrics.first
        let name = results.first?.run.trainer.loss.name ?? "loss"
        let note =
            Set(results.map(\.seed)).count > 1
            ? "Lines are means over the seeds, bands a standard deviation; a line ends where the first of its runs does."
            : ""
        var charts: [Chart] = []
        func add(_ title: String, _ unit: String, isLogarithmic: Bool, _ value: (EpochRecord) -> Double?) {
            let series = curves(value)
            guard !series.isEmpty else { return }
            charts.append(
                Chart(title, x: .init("epoch"), y: .init(unit, isLogarithmic: isLogarithmic), series, note: note))
        }
        add("Training loss, without penalties, as trained on", name, isLogarithmic: isLogarithmic) { $0.trainLoss }
        add("Validation loss", name, isLogarithmic: isLogarithmic) { $0.validationLoss }
        if let metric {
            add("Training \(metric.name)", metric.name, isLogarithmic: false) { $0.trainEvaluation?[metric.name] }
            add("Validation \(metric.name)", metric.name, isLogarithmic: false) { $0.value(metric.name) }
        }
        self.charts = charts
    }

    /// Mean and standard deviation of curves, as far as all of them go; nil if they have no values.
    private static func mean(_ runs: [[Double?]]) -> (mean: [Double], deviation: [Double])? {
        let length = runs.map { $0.prefix { $0 != nil }.count }.min() ?? 0
        guard length > 0 else { return nil }
        var (means, deviations): ([Double], [Double]) = ([], [])
        for epoch in 0..<length {
            let values = runs.compactMap { $0[epoch] }
            let mean = values.reduce(0, +) / Double(values.count)
            let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            means.append(mean)
            deviations.append((squares / Double(max(values.count - 1, 1))).squareRoot())
        }
        return (means, deviations)
    }
}
