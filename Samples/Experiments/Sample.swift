import BallastPlugins
import Foundation

/// An experiment that the program can run.
struct Sample: Sendable {
    /// How a sample is prepared.
    struct Options {
        /// Whether the small size was requested.
        var isQuick = false
        /// The folder with the files of Fashion-MNIST; nil to look in the usual places.
        var dataFolder: URL?
    }

    let name: String
    /// What it shows, in one line.
    let summary: String
    /// What to look for in its results.
    let lookFor: String
    let epochs: Int
    let quickEpochs: Int
    var readsFashionMNIST = false
    /// Whether the page shows losses on a logarithmic axis.
    var hasLogarithmicLoss = false
    /// The effects that it checks.
    var effects: [Effect] = []
    /// Makes the data, the base model and the compositions.
    let prepare: @Sendable (Options) throws -> Experiment

    /// Every sample, in the order of the tour.
    static let all = [
        fashionMNIST, noisyLine, weightDecay, sparseFeatures, smallImages, transformer, uncertainty,
    ]

    /// The sample of a name.
    static func named(_ name: String) throws -> Sample {
        if let sample = all.first(where: { $0.name == name }) { return sample }
        throw UsageError(unknown: "sample", name, among: all.map(\.name))
    }

    /// Prints the plan of each composition.
    func printPlans(dataFolder: URL?) throws {
        let experiment = try prepare(Options(isQuick: true, dataFolder: dataFolder))
        for (name, plan) in try experiment.plans(epochs: epochs) {
            print("\(self.name), \(name)\n\(plan)\n")
        }
    }
}

/// A sample that is ready to run: its data, one base model, and its compositions.
struct Experiment {
    /// Where the data comes from.
    let source: String
    let train: Dataset
    let validation: Dataset?
    let test: Dataset
    /// The model, its loss and its optimizer, without any technique.
    let trainer: Trainer
    var compositions: [(name: String, composition: Composition)]
    /// What the page shows in addition to curves and the table.
    var pictures: ([ComparedRun]) throws -> [Picture] = { _ in [] }

    /// The plan of each composition.
    func plans(epochs: Int? = nil) throws -> [(name: String, plan: Plan)] {
        try compositions.map { name, composition in
            (name, try trainer.composing(composition).plan(for: train, validation: validation, epochs: epochs))
        }
    }
}

/// Something that the page shows about one sample only.
enum Picture {
    case figure(any ReportFigure)
    case table(HTMLReport.Table)
}
