internal import Foundation

extension Run {
    /// The account of the run as text: a line for each epoch, why it ended, and what techniques cost.
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
        if let stopReason { lines.append("ended: \(stopReason)") }
        let shares = costs.compactMap { cost in
            cost.share.map { [cost.technique, cost.hook.rawValue, String(format: "%.1f %%", $0 * 100)] }
        }
        if !shares.isEmpty {
            lines.append(TextTable([["technique", "hook", "share of a step"]] + shares).description)
        }
        return lines.joined(separator: "\n")
    }

    /// What techniques cost over the whole run: means over the epochs in which times were taken.
    public var costs: [HookCost] {
        var sums: [HookCost] = []
        for record in history {
            for cost in record.costs {
                if let index = sums.firstIndex(where: { $0.technique == cost.technique && $0.hook == cost.hook }) {
                    let old = sums[index]
                    sums[index] = HookCost(
                        technique: old.technique, hook: old.hook, seconds: old.seconds + cost.seconds,
                        share: old.share.map { $0 + (cost.share ?? 0) })
                } else {
                    sums.append(cost)
                }
            }
        }
        return sums.map { sum in
            let count = Double(
                history.filter { $0.costs.contains { $0.technique == sum.technique && $0.hook == sum.hook } }.count)
            return HookCost(
                technique: sum.technique, hook: sum.hook, seconds: sum.seconds / count,
                share: sum.share.map { $0 / count })
        }
    }

    static func format(_ value: Double) -> String {
        abs(value) != 0 && (abs(value) < 1e-3 || abs(value) >= 1e5)
            ? String(format: "%.3e", value) : String(format: "%.4f", value)
    }
}
