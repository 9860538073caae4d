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
