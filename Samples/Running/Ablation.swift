import BallastPlugins
import Foundation

/// Measures what each technique of a composition contributes: trains without it, with the same seeds.
struct Ablation {
    private let session: Session

    init(_ invocation: Invocation) throws { session = try Session(invocation, seedCount: 5) }

    /// Runs the composition and its variations, and reports the differences.
    ///
    /// - Returns: the exit code: 0, or 130 after Ctrl-C.
    func run(_ sample: Sample) throws -> Int32 {
        var experiment = try session.prepare(sample)
        let wanted = session.options.composition ?? ""
        guard let whole = experiment.compositions.first(where: { $0.name == wanted }) else {
            throw UsageError(unknown: "composition", wanted, among: experiment.compositions.map(\.name))
        }
        let techniques = whole.composition.techniques.map(\.name)
        guard !techniques.isEmpty else {
            throw UsageError("option --composition: \"\(wanted)\" has no technique to leave out")
        }
        experiment.compositions = [whole] + techniques.map { ("without \($0)", whole.composition.without($0)) }
        print(session.heading(sample, experiment))
        Terminal.flush()
        var results: [ComparedRun] = []
        // Variations of different compositions may have the same name: the folder separates their checkpoints.
        try session.run(
            sample, experiment, in: "\(sample.name)/ablation of \(wanted)", isBrief: true, adding: &results)
        // A cancelled run is not comparable.
        let comparable = results.filter { !$0.run.isCancelled }
        let differences = techniques.map { Difference(without: $0, from: wanted, in: comparable) }
        for difference in differences { session.write(difference.fields(of: sample.name, wanted)) }
        let table = Ablation.table(differences)
        show(table)
        guard !results.isEmpty else { return try session.end() }
        var page = Page(
            "\(sample.name): \(wanted), a technique at a time", name: "\(sample.name)-ablation",
            invocation: session.invocation)
        var section = HTMLReport.Section(sample.name, results: results, isLogarithmic: sample.hasLogarithmicLoss)
        section.summary = "The contribution of each technique of \(wanted): the difference when it is left out."
        section.facts = session.facts(sample, experiment)
        section.plans = try experiment.plans()
        section.tables.insert(table, at: 0)
        page.add(section)
        try page.write()
        return try session.end()
    }

    private func show(_ table: HTMLReport.Table) {
        let widths = table.rows[0].indices.map { column in table.rows.map { $0[column].count }.max() ?? 0 }
        for row in table.rows {
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            print(cells.joined(separator: "  "))
        }
        print("\nMean differences with 95 % confidence intervals (Student's t, paired by seed).\n")
    }

    /// A row per technique: the change of the test metric and of the time without it.
    private static func table(_ differences: [Difference]) -> HTMLReport.Table {
        let names = ["left out", "change of \(differences[0].metric)", "seeds", "time"]
        let rows = differences.map {
            [$0.technique, $0.text, "\($0.values.count)", String(format: "%+.2f s", $0.time)]
        }
        return HTMLReport.Table("Left out, one at a time", rows: [names] + rows, timeColumns: [3])
    }
}
