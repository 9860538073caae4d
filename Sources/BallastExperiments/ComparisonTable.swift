internal import BallastReports
internal import BallastCore
internal import Foundation

/// The results of a comparison as a table of text.
public struct ComparisonTable: CustomStringConvertible {
    let rows: [[String]]
    private let costs: [String]
    private let timing: String

    /// Creates a table: a row for each composition, with means over its seeds.
    public init(_ results: [ComparedRun]) {
        let metric = results.first?.run.trainer.metrics.first?.name
        func value(_ evaluation: Evaluation?) -> Double? {
            guard let evaluation else { return nil }
            return metric.map { evaluation[$0] ?? .nan } ?? evaluation.loss
        }
        var names: [String] = []
        for result in results where !names.contains(result.composition) { names.append(result.composition) }
        let what = metric ?? "loss"
        var rows = [
            [
                "composition", "train \(what)", "validation \(what)", "test \(what)", "gap", "‖w‖₂", "zeros", "epochs",
                "seconds", "ended",
            ]
        ]
        for name in names {
            let mine = results.filter { $0.composition == name }
            let test = mine.map { value($0.test) ?? value($0.validation) }
            let gaps = zip(mine, test).compactMap { result, mean in
                mean.map { metric == nil ? $0 - result.train.loss : (value(result.train) ?? .nan) - $0 }
            }
            rows.append([
                name, Self.mean(mine.map { value($0.train) }), Self.mean(mine.map { value($0.validation) }),
                Self.mean(mine.map { value($0.test) }), Self.mean(gaps.map { $0 }),
                Self.mean(mine.map { $0.weightNorm }, digits: 2),
                "\(mine.map { $0.zeroWeights.count }.reduce(0, +) / mine.count)",
                Self.mean(mine.map { Double($0.run.history.count) }, digits: mine.count == 1 ? 0 : 1),
                Self.mean(mine.map { $0.seconds }, digits: 1),
                mine.count == 1 ? mine[0].run.end?.description ?? "" : "\(mine.count) seeds",
            ])
        }
        self.rows = rows
        timing = Self.timing(results)
        costs = ["cost per technique"] + names.map { name in Self.cost(results.filter { $0.composition == name }) }
    }

    /// The share of a step's time that each technique took in all of its hooks: means over the runs that measured it.
    private static func cost(_ results: [ComparedRun]) -> String {
        var shares: [(technique: String, share: Double)] = []
        var count = 0.0
        for result in results {
            let costs = result.run.costs.filter { $0.share != nil }
            if !costs.isEmpty { count += 1 }
            for cost in costs {
                let share = cost.share ?? 0
                if let index = shares.firstIndex(where: { $0.technique == cost.technique }) {
                    shares[index].share += share
                } else {
                    shares.append((cost.technique, share))
                }
            }
        }
        return shares.map { "\($0.technique) \(String(format: "%.1f %%", $0.share / count * 100))" }
            .joined(separator: ", ")
    }

    /// The table with the costs of techniques, for a page.
    var reportTable: HTMLReport.Table {
        HTMLReport.Table(
            "Results", rows: zip(rows, costs).map { $0 + [$1] }, timeColumns: [8, (rows.first?.count ?? 0)],
            timing: timing)
    }

    /// How the times were measured.
    private static func timing(_ results: [ComparedRun]) -> String {
        guard let first = results.first else { return "" }
        let threads = first.threads == 1 ? "1 thread" : "\(first.threads) threads"
        let place = first.runsAtOnce == 1 ? threads : "\(first.runsAtOnce) runs in parallel, \(threads) each"
        return "Seconds are wall-clock time per run: \(place). Costs are shares of a step's time."
    }

    /// The mean of numbers, and their standard deviation if there are several.
    private static func mean(_ values: [Double?], digits: Int = 4) -> String {
        let numbers = values.compactMap { $0 }
        guard numbers.count == values.count, !numbers.isEmpty else { return "-" }
        let mean = numbers.reduce(0, +) / Double(numbers.count)
        guard numbers.count > 1 else { return String(format: "%.\(digits)f", mean) }
        let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(numbers.count - 1)
        return String(format: "%.\(digits)f ± %.\(digits)f", mean, variance.squareRoot())
    }

    /// The table.
    public var description: String { TextTable(rows).description }
}
