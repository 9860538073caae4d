public import BallastCore
internal import Foundation

extension Run {
    /// A report of the run as text: one line per epoch, why the run ended, and what techniques cost.
    public var report: String {
        let penalties = history.first?.penalties.map(\.name) ?? []
        let metrics = history.first?.validationMetrics.map(\.name) ?? []
        let trainMetrics = history.first?.trainEvaluation?.metrics.map { "train \($0.name)" } ?? []
        let hasValidation = history.first?.validationLoss != nil
        var rows = [
            ["epoch", "train loss"] + penalties + trainMetrics
                + (hasValidation ? ["validation loss"] + metrics : []) + ["samples/s"]
        ]
        for record in history {
            var row = ["\(record.epoch + 1)", Run.format(record.trainLoss)]
            row += record.penalties.map { Run.format($0.value) }
            row += record.trainEvaluation?.metrics.map { Run.format($0.value) } ?? []
            if hasValidation {
                row.append(record.validationLoss.map(Run.format) ?? "-")
                row += record.validationMetrics.map { Run.format($0.value) }
            }
            row.append(String(format: "%.0f", record.samplesPerSecond))
            rows.append(row)
        }
        var lines = [TextTable(rows).description]
        if let end { lines.append("ended: \(end)") }
        let shares = costs.compactMap { cost in
            cost.share.map { [cost.technique, cost.hook.rawValue, String(format: "%.1f %%", $0 * 100)] }
        }
        if !shares.isEmpty {
            lines.append(TextTable([["technique", "hook", "share of a step"]] + shares).description)
        }
        return lines.joined(separator: "\n")
    }

    package static func format(_ value: Double) -> String {
        abs(value) != 0 && (abs(value) < 1e-3 || abs(value) >= 1e5)
            ? String(format: "%.3e", value) : String(format: "%.4f", value)
    }
}
