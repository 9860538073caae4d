import BallastPlugins
import Foundation

/// The page of the results, rewritten after each sample.
struct Page {
    let file: URL
    private var report: HTMLReport

    /// Creates an empty page, to be written where the options say or to `runs/name.html`.
    init(_ title: String, name: String, invocation: Invocation) {
        file = invocation.options.pageFile ?? URL(filePath: "runs/\(name).html")
        report = HTMLReport(title, introduction: "Written by: \(Page.command(invocation.arguments))")
    }

    /// The command, without the options that do not change the page: its file, checkpoints, threads and jobs.
    private static func command(_ arguments: [String]) -> String {
        let left = [Option.page, .jobs, .threads, .checkpoint].map(\.name)
        let isKept = arguments.indices.map { index in
            let name = String(arguments[index].prefix { $0 != "=" })
            return name != Option.resume.name && !left.contains(name)
                && (index == 0 || !left.contains(arguments[index - 1]))
        }
        return (["samples"] + zip(arguments, isKept).filter(\.1).map(\.0)).joined(separator: " ")
    }

    /// Adds the results of a sample, if there are any.
    mutating func add(
        _ sample: Sample, _ experiment: Experiment, _ results: [ComparedRun], _ effects: [EffectResult],
        facts: [String]
    ) throws {
        guard !results.isEmpty else { return }
        var section = HTMLReport.Section(sample.name, results: results, isLogarithmic: sample.hasLogarithmicLoss)
        section.summary = sample.summary
        section.lookFor = sample.lookFor
        section.observations = effects.map(\.description)
        section.facts = facts
        section.plans = try experiment.plans()
        for picture in try experiment.pictures(results) {
            switch picture {
            case .figure(let figure): section.figures.append(figure)
            case .table(let table): section.tables.append(table)
            }
        }
        report.sections.append(section)
    }

    mutating func add(_ section: HTMLReport.Section) { report.sections.append(section) }

    /// Writes the page, and prints where it is.
    func write() throws {
        guard !report.sections.isEmpty else { return }
        try report.write(to: file)
        print("The page: \(file.relativePath)")
    }
}
