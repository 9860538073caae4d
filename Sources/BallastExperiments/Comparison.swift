public import BallastCore
internal import Tensors

/// Trains one model under several compositions, with the same data, seeds and initial parameters.
///
/// ```swift
/// let comparison = Comparison(
///     trainer,
///     [
///         ("none", Composition()),
///         ("dropout", Composition { Dropout(0.5) }),
///     ])
/// let results = try comparison.run(
///     train: train, validation: validation, test: test, epochs: 10, seeds: [1, 2, 3])
/// print(ComparisonTable(results))
/// ```
///
/// Initial parameters, order and noise are functions of the seed and of paths, so all compositions start from the
/// same parameters and see the same batches, and a technique draws the same noise in each composition that has it.
public struct Comparison: Sendable {
    /// What all runs share; its own composition is replaced.
    public let trainer: Trainer
    /// The compositions and their names.
    public let compositions: [(name: String, composition: Composition)]

    /// Creates a comparison.
    ///
    /// - Parameters:
    ///   - trainer: what all runs share; its own composition is replaced.
    ///   - compositions: the compositions and their names.
    /// - Precondition: at least one composition, and no two of one name.
    public init(_ trainer: Trainer, _ compositions: [(name: String, composition: Composition)]) {
        require(!compositions.isEmpty, "Comparison: there is no composition to compare")
        require(
            Set(compositions.map(\.name)).count == compositions.count, "Comparison: two compositions have the same name"
        )
        self.trainer = trainer
        self.compositions = compositions
    }

    /// Runs every composition with every seed: the compositions in order with the first seed, then with the next.
    ///
    /// Runs in parallel share the data, and divide the calling thread's ``Kernels/threadCount`` equally. Each has its own
    /// threads, and its result is bit for bit that of the run alone. `observer` and `finished` are never called
    /// concurrently. `finished` is called in run order; events of different runs interleave.
    ///
    /// - Parameters:
    ///   - train: the samples to learn from.
    ///   - validation: samples to measure with after each epoch.
    ///   - test: samples to measure with at the end.
    ///   - epochs: the number of epochs.
    ///   - seeds: the seeds.
    ///   - runsAtOnce: how many runs are executed in parallel, at least 1; all of them are in memory at once.
    ///   - checkpoints: where and when the run of a composition and a seed is saved.
    ///   - cancellation: ends the comparison early when it is cancelled; the runs that have ended are returned.
    ///   - observer: called with each event and the run that it belongs to.
    ///   - finished: called with each result as soon as its run and those before it have ended.
    /// - Throws: ``DataError`` if the test data does not fit; ``ComparisonError`` if a run fails, which ends the others
    ///   after their step, saved if they have checkpoints. Runs that had ended before were passed to `finished`.
    public func run(
        train: Dataset, validation: Dataset? = nil, test: Dataset? = nil, epochs: Int, seeds: [UInt64] = [0],
        runsAtOnce: Int = 1,
        checkpoints: ((_ composition: String, _ seed: UInt64) -> CheckpointPolicy?)? = nil,
        cancellation: Cancellation? = nil,
        observer: ((_ composition: String, _ seed: UInt64, _ event: RunEvent) -> Void)? = nil,
        finished: ((ComparedRun) -> Void)? = nil
    ) throws -> [ComparedRun] {
        require(runsAtOnce > 0, "Comparison: runsAtOnce must be positive but is \(runsAtOnce)")
        // The test data is evaluated last, so check it before hours of training.
        if let test { try trainer.composing(Composition()).start(train, epochs: 0).check(test, name: "test") }
        let tasks = seeds.flatMap { seed in
            compositions.map { (name: $0.name, seed: seed, checkpoints: checkpoints?($0.name, seed)) }
        }
        let queue = RunQueue(
            of: tasks.count, concurrency: runsAtOnce, cancellation: cancellation, observer: observer, finished: finished
        )
        queue.runAll { index in
            let (name, seed, checkpoints) = tasks[index]
            do {
                let start = ContinuousClock.now
                let run = try trainer.composing(compositions[index % compositions.count].composition).fit(
                    train, validation: validation, epochs: epochs, seed: seed, checkpoints: checkpoints,
                    cancellation: queue.cancellation, observer: queue.observer(name, seed))
                return try ComparedRun(
                    composition: name, seed: seed, run: run, train: train, validation: validation, test: test,
                    seconds: (ContinuousClock.now - start) / .seconds(1), runsAtOnce: queue.concurrency)
            } catch {
                throw ComparisonError(composition: name, seed: seed, underlying: error)
            }
        }
        return try queue.results()
    }
}

/// The error that ended a run of a comparison.
public struct ComparisonError: Error, CustomStringConvertible {
    /// The composition's name.
    public let composition: String
    /// The seed.
    public let seed: UInt64
    /// The error that the run threw.
    public let underlying: any Error

    /// The composition, the seed and the error.
    public var description: String { "\(composition), seed \(seed): \(underlying)" }
}

/// The result of the run of a composition with a seed.
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
    /// The wall-clock time of the run in seconds, with ``runsAtOnce`` runs in parallel and ``threads`` threads for each.
    public let seconds: Double
    /// How many runs were executed in parallel, including this one.
    public let runsAtOnce: Int
    /// How many threads the run had.
    public let threads: Int

    init(
        composition: String, seed: UInt64, run: Run, train: Dataset, validation: Dataset?, test: Dataset?,
        seconds: Double, runsAtOnce: Int
    ) throws {
        self.composition = composition
        self.seed = seed
        self.run = run
        self.train = try run.evaluate(train)
        self.validation = try validation.map(run.evaluate)
        self.test = try test.map(run.evaluate)
        self.seconds = seconds
        self.runsAtOnce = runsAtOnce
        threads = Kernels.threadCount
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
