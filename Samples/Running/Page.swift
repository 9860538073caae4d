import BallastPlugins
import Foundation

/// The page of what the program runs, written anew after each sample.
struct Page {
    let file: URL
    private var report: HTMLReport

    /// Creates an empty page, to be written where the options say or to `runs/name.html`.
    init(_ title: String, name: String, invocation: Invocation) {
        file = invocation.options.pageFile ?? URL(filePath: "runs/\(name).html")
        report = HTMLReport(title, introduction: "Written by: \(Page.command(invocation.arguments))")
    }

    /// The command, without what makes no difference to what the page shows: where it is, where runs were saved and
    /// whether they were resumed, on how many threads they were and how many side by side.
    private static func command(_ arguments: [String]) -> String {
        let left = [Option.page, .jobs, .threads, .checkpoint].map(\.name)
        let isKept = arguments.indices.map { index in
            let name = String(arguments[index].prefix { $0 != "=" })
            return name != Option.resume.name && !left.contains(name)
                && (index == 0 || !left.contains(arguments[index - 1]))
        }
        return (["samples"] + zip(arguments, isKept).filter(\.1).map(\.0)).joined(separator: " ")
    }

    /// Adds what has run of a sample; nothing if nothing has.
    mutating func add(
        _ sample: Sample, _ experiment: Experiment, _ results: [ComparedRun], _ observations: [Observation],
        facts: [String]
    ) throws {
        guard !results.isEmpty else { return }
        var section = HTMLReport.Section(sample.name, results: results, isLogarithmic: sample.hasLogarithmicLoss)
        section.summary = sample.summary
        section.lookFor = sample.lookFor
        section.observations = observations.map(\.description)
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

    /// Writes the page, and says where it is.
    func write() throws {
        guard !report.sections.isEmpty else { return }
        try report.write(to: file)
        print("The page: \(file.relativePath)")
    }
}
