import BallastPlugins
import Foundation

/// What each technique of a composition is worth: the composition without it, on the same seeds.
struct Ablation {
    private let invocation: Invocation
    private let interruption = Interruption()

    init(_ invocation: Invocation) { self.invocation = invocation }

    /// Runs the composition and its variations, and shows the differences.
    ///
    /// - Returns: the exit code: 0, or 130 after Ctrl-C.
    func run() throws -> Int32 {
        var options = invocation.options
        if !options.hasSeedCount { options.seedCount = 5 }
        let sample = try Sample.named(invocation.operand ?? "")
        let experiment = try sample.prepare(
            Sample.Setting(isQuick: options.isQuick, dataFolder: options.dataFolder))
        let wanted = options.composition ?? ""
        guard let whole = experiment.compositions.first(where: { $0.name == wanted }) else {
            throw UsageError(unknown: "composition", wanted, among: experiment.compositions.map(\.name))
        }
        let techniques = whole.composition.techniques.map(\.name)
        guard !techniques.isEmpty else {
            throw UsageError("option --composition: \"\(wanted)\" has no technique that could be left out")
        }
        let variations = techniques.map { (name: "without \($0)", composition: whole.composition.without($0)) }
        let epochs = options.epochs ?? (options.isQuick ? sample.quickEpochs : sample.epochs)
        print("\(sample.name), \(wanted): \(epochs) epochs, seeds \(options.seed) to \(options.seeds.last ?? 0)\n")
        let progress = Progress(
            epochs: epochs, runCount: (1 + variations.count) * options.seedCount, namesSeed: true, isBrief: true)
        var results: [ComparedRun] = []
        _ = try Comparison(experiment.trainer, [whole] + variations).run(
            train: experiment.train, validation: experiment.validation, test: experiment.test, epochs: epochs,
            seeds: options.seeds, cancellation: interruption.cancellation, observer: progress.observe,
            finished: { result in
                progress.finish(result)
                // A run that was cut short is not comparable.
                if result.run.stopReason != "cancelled" { results.append(result) }
            })
        let table = Ablation.table(results, of: wanted, techniques)
        let widths = (0..<4).map { column in table.rows.map { $0[column].count }.max() ?? 0 }
        for row in table.rows {
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            print(cells.joined(separator: "  "))
        }
        print("\nIntervals hold the mean difference with 95 % confidence (Student's t, paired by seed).\n")
        if !results.isEmpty {
            var page = Page(
                "\(sample.name): \(wanted), a technique at a time", file: options.pageFile,
                name: "\(sample.name)-ablation", arguments: invocation.arguments)
            var section = HTMLReport.Section(
                sample.name, results: results, isLogarithmic: sample.hasLogarithmicLoss)
            section.summary = "What each technique of \(wanted) is worth: the difference when it is left out."
            section.tables.insert(table, at: 0)
            page.add(section)
            try page.write()
        }
        return interruption.isRequested ? 130 : 0
    }

    /// A row for each technique: the change of the test metric without it, and of the time.
    private static func table(_ results: [ComparedRun], of composition: String, _ techniques: [String])
        -> HTMLReport.Table
    {
        let metric = results.first?.run.trainer.metrics.first
        func value(_ result: ComparedRun) -> Double {
            metric.flatMap { result.test?[$0.name] } ?? result.test?.loss ?? .nan
        }
        let rows = techniques.map { technique -> [String] in
            let pairs = results.filter { $0.composition == "without \(technique)" }.compactMap { left in
                results.first { $0.composition == composition && $0.seed == left.seed }.map { (left, $0) }
            }
            let differences = pairs.map { value($0.0) - value($0.1) }
            let times = pairs.map { $0.0.seconds - $0.1.seconds }
            let time = times.isEmpty ? 0 : times.reduce(0, +) / Double(times.count)
            return [technique, interval(differences), "\(pairs.count)", String(format: "%+.2f s", time)]
        }
        let unit = metric.map { "test \($0.name)" } ?? "test loss"
        return HTMLReport.Table(
            "Left out, one at a time", rows: [["left out", "\(unit) without, less with", "seeds", "time"]] + rows,
            timeColumns: [3])
    }

    /// Half the width of the interval that holds the mean of so many differences with 95 %, in standard errors.
    private static let quantiles = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
        2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ]

    /// The mean of differences and its interval.
    static func interval(_ differences: [Double]) -> String {
        guard !differences.isEmpty else { return "-" }
        let count = Double(differences.count)
        let mean = differences.reduce(0, +) / count
        guard differences.count > 1 else { return String(format: "%+.4f", mean) }
        let squares = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let error = (squares / (count - 1) / count).squareRoot()
        let quantile = differences.count - 1 <= quantiles.count ? quantiles[differences.count - 2] : 1.96
        return String(format: "%+.4f ± %.4f", mean, quantile * error)
    }
}
