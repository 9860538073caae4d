import BallastPlugins
import Foundation

/// What is common to all that runs: side by side, shown, written down, saved, and ended by Ctrl-C as options ask for.
struct Session {
    let invocation: Invocation
    let options: RunOptions
    private let json: JSONLines?
    private let interruption = Interruption()
    private let start = ContinuousClock.now

    /// Prepares what the options ask for, with another number of seeds unless one was given.
    init(_ invocation: Invocation, seedCount: Int = 1) throws {
        self.invocation = invocation
        var options = invocation.options
        if !options.hasSeedCount { options.seedCount = seedCount }
        self.options = options
        json = try options.jsonFile.map(JSONLines.init)
    }

    /// Whether there was a Ctrl-C.
    var isInterrupted: Bool { interruption.isRequested }

    /// Whether the small size is wanted.
    var isQuick: Bool { options.isQuick || invocation.command == .tour }

    /// The number of epochs to train a sample for.
    func epochs(of sample: Sample) -> Int { options.epochs ?? (isQuick ? sample.quickEpochs : sample.epochs) }

    /// The sample's data, model and compositions at the size that is wanted.
    func prepare(_ sample: Sample) throws -> Experiment {
        try sample.prepare(Sample.Setting(isQuick: isQuick, dataFolder: options.dataFolder))
    }

    // MARK: Running

    /// Runs the compositions of an experiment with the seeds.
    ///
    /// - Parameters:
    ///   - sample: the sample, by which what is written is called.
    ///   - place: the folder of the runs in that of checkpoints.
    ///   - isBrief: whether a pipe gets no lines for epochs.
    ///   - results: what the runs are added to as they end, also if one fails.
    func run(
        _ sample: Sample, _ experiment: Experiment, in place: String, isBrief: Bool,
        adding results: inout [ComparedRun]
    ) throws {
        var ended: [ComparedRun] = []
        let names = experiment.compositions.map(\.name)
        func number(_ composition: String, _ seed: UInt64) -> Int {
            Int(seed - options.seed) * names.count + (names.firstIndex(of: composition) ?? 0)
        }
        let turns = Turns()
        let epochs = epochs(of: sample)
        let progress = Progress(
            epochs: epochs, runCount: runCount(experiment), namesSeed: options.seedCount > 1, isBrief: isBrief,
            turns: turns)
        defer {
            turns.end()
            results += ended
        }
        _ = try Comparison(experiment.trainer, experiment.compositions).run(
            train: experiment.train, validation: experiment.validation, test: experiment.test, epochs: epochs,
            seeds: options.seeds, runsAtOnce: runsAtOnce(experiment),
            checkpoints: { checkpoints("\(place)/\($0)/seed-\($1)", epochs) },
            cancellation: interruption.cancellation,
            observer: { composition, seed, event in
                let number = number(composition, seed)
                progress.observe(number, composition, seed, event)
                guard let json else { return }
                for record in records(event) {
                    turns.take(number) {
                        json.write(record, sample: sample.name, composition: composition, seed: seed)
                    }
                }
            },
            finished: { result in
                progress.finish(result)
                json?.write(result, sample: sample.name)
                ended.append(result)
                turns.end(number(result.composition, result.seed))
            })
    }

    private func runCount(_ experiment: Experiment) -> Int { experiment.compositions.count * options.seedCount }

    /// As many runs side by side as there are threads, unless a number is asked for.
    private func runsAtOnce(_ experiment: Experiment) -> Int {
        min(options.jobs ?? Kernels.threadCount, runCount(experiment))
    }

    /// The epochs that an event is the end of. A run that goes on brings the accounts of its epochs along: the file is
    /// that of a run never stopped.
    private func records(_ event: RunEvent) -> [EpochRecord] {
        switch event {
        case .started(let run, _): run.history
        case .epochEnded(_, let record): [record]
        default: []
        }
    }

    /// Every epoch is saved, or, where epochs are many and short, every twentieth part of the run.
    private func checkpoints(_ place: String, _ epochs: Int) -> CheckpointPolicy? {
        options.checkpointFolder.map { folder in
            CheckpointPolicy(
                in: folder.appending(path: place, directoryHint: .isDirectory), everyEpochs: max(1, epochs / 20),
                resuming: options.resumes)
        }
    }

    /// Writes an object that no run is about.
    func write(_ fields: [(name: String, value: JSON)]) { json?.write(fields) }

    // MARK: Words

    /// What runs on what, before it runs.
    func heading(_ sample: Sample, _ experiment: Experiment) -> String {
        let atOnce = runsAtOnce(experiment)
        let each = max(1, Kernels.threadCount / atOnce)
        let threads = each == 1 ? "1 thread" : "\(each) threads"
        return """
            \(sample.name): \(sample.summary)
            \(facts(sample, experiment).joined(separator: "\n")), \
            \(atOnce == 1 ? threads : "\(atOnce) runs side by side, \(threads) each") (\(Kernels.instructionSet))

            """
    }

    /// What runs on what.
    func facts(_ sample: Sample, _ experiment: Experiment) -> [String] {
        let (train, held, test) = (experiment.train.count, experiment.validation?.count, experiment.test.count)
        let sizes = ["\(train) to train on"] + (held.map { ["\($0) to validate with"] } ?? []) + ["\(test) to test on"]
        let seeds =
            options.seedCount == 1 ? "seed \(options.seed)" : "seeds \(options.seed) to \(options.seeds.last ?? 0)"
        let count = experiment.compositions.count
        return [
            "data: \(experiment.source); \(sizes.joined(separator: ", "))",
            "\(count == 1 ? "1 composition" : "\(count) compositions"), \(epochs(of: sample)) epochs, \(seeds)",
        ]
    }

    /// How long it has all taken.
    var duration: String { Session.duration(since: start) }

    static func duration(since start: ContinuousClock.Instant) -> String {
        Progress.duration((ContinuousClock.now - start) / .seconds(1))
    }

    /// Says how to go on after Ctrl-C.
    ///
    /// - Returns: the exit code: `code`, or 130 after Ctrl-C.
    /// - Throws: what kept results from being written.
    func end(_ code: Int32 = 0) throws -> Int32 {
        if let failure = json?.failure { throw failure }
        guard isInterrupted else { return code }
        print(farewell)
        return 130
    }

    private var farewell: String {
        guard invocation.command.options.contains(where: { $0.name == Option.checkpoint.name }) else {
            return "Interrupted."
        }
        guard options.checkpointFolder != nil else {
            return
                "Interrupted. Nothing was saved to go on with: --checkpoint DIR saves runs, and --resume goes on with them."
        }
        let arguments = invocation.arguments.filter { $0 != "--resume" } + ["--resume"]
        let words = arguments.map { word in
            word.allSatisfy { $0.isLetter || $0.isNumber || "-_./=+".contains($0) }
                ? word : "'\(word.replacingOccurrences(of: "'", with: "'\\''"))'"
        }
        return "Interrupted, and saved. To go on: samples \(words.joined(separator: " "))"
    }
}
