internal import Foundation
internal import Tensors

/// Several compositions over one model, on the same data, with the same seeds and so the same initial parameters.
///
/// ```swift
/// let comparison = Comparison(trainer, [
///     ("none", Composition()),
///     ("dropout", Composition { Dropout(0.5) }),
/// ])
/// let results = try comparison.run(train: train, validation: held, test: test, epochs: 10, seeds: [1, 2, 3])
/// print(ComparisonTable(results))
/// ```
///
/// Initial parameters, order and noise are functions of the seed and of paths, so all compositions start from the
/// same parameters and see the same batches, and a technique draws the same noise in each composition that has it.
public struct Comparison: Sendable {
    /// What all runs share; its own composition is replaced.
    public let trainer: Trainer
    /// The compositions and what they are called.
    public let compositions: [(name: String, composition: Composition)]

    /// Creates a comparison.
    ///
    /// - Precondition: at least one composition, and no two of one name.
    public init(_ trainer: Trainer, _ compositions: [(name: String, composition: Composition)]) {
        require(!compositions.isEmpty, "Comparison: there is no composition to compare")
        require(
            Set(compositions.map(\.name)).count == compositions.count, "Comparison: two compositions have the same name"
        )
        self.trainer = trainer
        self.compositions = compositions
    }

    /// Runs every composition with every seed, one after the other.
    ///
    /// - Parameters:
    ///   - train: the samples to learn from.
    ///   - validation: samples to measure with after each epoch.
    ///   - test: samples to measure with at the end.
    ///   - epochs: the number of epochs.
    ///   - seeds: the seeds.
    ///   - checkpoints: where and when the run of a composition and a seed is saved.
    ///   - cancellation: a switch that ends the comparison; what has run is returned.
    ///   - observer: called with what happens, and in which run.
    ///   - finished: called with each result as soon as its run has ended.
    public func run(
        train: Dataset, validation: Dataset? = nil, test: Dataset? = nil, epochs: Int, seeds: [UInt64] = [0],
        checkpoints: ((_ composition: String, _ seed: UInt64) -> CheckpointPolicy?)? = nil,
        cancellation: Cancellation? = nil,
        observer: ((_ composition: String, _ seed: UInt64, _ event: RunEvent) -> Void)? = nil,
        finished: ((ComparedRun) -> Void)? = nil
    ) throws -> [ComparedRun] {
        // The test data is measured last: whether it fits is to be known before hours of training.
        if let test { try trainer.composing(Composition()).start(train, epochs: 0).check(test, name: "test") }
        var results: [ComparedRun] = []
        for seed in seeds {
            for (name, composition) in compositions {
                if cancellation?.isCancelledAfterEpoch == true { return results }
                let start = ContinuousClock.now
                let run = try trainer.composing(composition).fit(
                    train, validation: validation, epochs: epochs, seed: seed,
                    checkpoints: checkpoints?(name, seed), cancellation: cancellation,
                    observer: observer.map { observer in { observer(name, seed, $0) } })
                let result = try ComparedRun(
                    composition: name, seed: seed, run: run, train: train, validation: validation, test: test,
                    seconds: (ContinuousClock.now - start) / .seconds(1))
                results.append(result)
                finished?(result)
            }
        }
        return results
    }
}

/// How the run of a composition with a seed came out.
public struct ComparedRun {
    /// The composition's name.
    public let composition: String
    /// The seed.
    public let seed: UInt64
    /// The run.
    public let run: Run
    /// What the trained model achieves on the training data, in evaluation.
    public let train: Evaluation
    /// What it achieves on the validation data.
    public let validation: Evaluation?
    /// What it achieves on the test data.
    public let test: Evaluation?
    /// ‖w‖₂ of all weights.
    public let weightNorm: Double
    /// The number of weights that are exactly zero, and of all weights.
    public let zeroWeights: (count: Int, of: Int)
    /// How long the run took, in seconds.
    public let seconds: Double

    init(
        composition: String, seed: UInt64, run: Run, train: Dataset, validation: Dataset?, test: Dataset?,
        seconds: Double
    ) throws {
        self.composition = composition
        self.seed = seed
        self.run = run
        self.train = try run.evaluate(train)
        self.validation = try validation.map(run.evaluate)
        self.test = try test.map(run.evaluate)
        self.seconds = seconds
        var squares = 0.0
        var zeros = 0
        var count = 0
        for entry in run.variables.entries where entry.role == .weight {
            entry.value.withUnsafeFloats { values in
                for value in values {
                    squares += Double(value) * Double(value)
                    if value == 0 { zeros += 1 }
                }
                count += values.count
            }
        }
        weightNorm = squares.squareRoot()
        zeroWeights = (zeros, count)
    }
}

/// The results of a comparison as a table of text.
public struct ComparisonTable: CustomStringConvertible {
    private let rows: [[String]]

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
            let gaps = zip(mine, test).compactMap { result, held in
                held.map { metric == nil ? $0 - result.train.loss : (value(result.train) ?? .nan) - $0 }
            }
            rows.append([
                name, Self.mean(mine.map { value($0.train) }), Self.mean(mine.map { value($0.validation) }),
                Self.mean(mine.map { value($0.test) }), Self.mean(gaps.map { $0 }),
                Self.mean(mine.map { $0.weightNorm }, digits: 2),
                "\(mine.map { $0.zeroWeights.count }.reduce(0, +) / mine.count)",
                Self.mean(mine.map { Double($0.run.history.count) }, digits: mine.count == 1 ? 0 : 1),
                Self.mean(mine.map { $0.seconds }, digits: 1),
                mine.count == 1 ? mine[0].run.stopReason ?? "" : "\(mine.count) seeds",
            ])
        }
        self.rows = rows
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
