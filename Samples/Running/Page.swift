import BallastPlugins
import Foundation

/// The page of what the program runs, written anew after each sample.
struct Page {
    let file: URL
    private var report: HTMLReport

    init(_ title: String, file: URL?, name: String, arguments: [String]) {
        self.file = file ?? URL(filePath: "runs/\(name).html")
        // Where the page is and whether a run was resumed make no difference to what it shows.
        let isKept = arguments.indices.map { index in
            arguments[index] != "--resume" && !arguments[index].hasPrefix("--page")
                && (index == 0 || arguments[index - 1] != "--page")
        }
        let command = ["samples"] + zip(arguments, isKept).filter(\.1).map(\.0)
        report = HTMLReport(title, introduction: "Written by: \(command.joined(separator: " "))")
    }

    /// Adds what has run of a sample; nothing if nothing has.
    mutating func add(_ sample: Sample, _ experiment: Experiment, _ results: [ComparedRun], facts: [String]) throws {
        guard !results.isEmpty else { return }
        var section = HTMLReport.Section(sample.name, results: results, isLogarithmic: sample.hasLogarithmicLoss)
        section.summary = sample.summary
        section.lookFor = sample.lookFor
        section.facts = facts
        section.plans = try experiment.compositions.map { name, composition in
            let trainer = experiment.trainer.composing(composition)
            return (name, try trainer.plan(for: experiment.train, validation: experiment.validation))
        }
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
