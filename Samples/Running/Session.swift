import BallastPlugins
import Foundation

/// What all commands that train share: parallel runs, progress, JSON lines, checkpoints and Ctrl-C, as options request.
struct Session {
    let invocation: Invocation
    let options: RunOptions
    private let json: JSONLines?
    private let interruption = Interruption()
    private let start = ContinuousClock.now

    /// Prepares a session; `seedCount` is the default number of seeds.
    init(_ invocation: Invocation, seedCount: Int = 1) throws {
        self.invocation = invocation
        var options = invocation.options
        if !options.hasSeedCount { options.seedCount = seedCount }
        self.options = options
        json = try options.jsonFile.map(JSONLines.init)
    }

    /// Whether there was a Ctrl-C.
    var isInterrupted: Bool { interruption.isRequested }

    /// Whether the small size was requested.
    var isQuick: Bool { options.isQuick || invocation.command == .tour }

    /// The number of epochs to train a sample for.
    func epochs(of sample: Sample) -> Int { options.epochs ?? (isQuick ? sample.quickEpochs : sample.epochs) }

    /// The sample's data, model and compositions at the requested size.
    func prepare(_ sample: Sample) throws -> Experiment {
        try sample.prepare(Sample.Options(isQuick: isQuick, dataFolder: options.dataFolder))
    }

    // MARK: Running

    /// Runs the compositions of an experiment with the seeds.
    ///
    /// - Parameters:
    ///   - sample: the sample, which names the results.
    ///   - place: the folder of the runs in the checkpoint folder.
    ///   - isBrief: whether a pipe gets no lines for epochs.
    ///   - results: the runs are appended as they end, also if one fails.
    func run(
        _ sample: Sample, _ experiment: Experiment, in place: String, isBrief: Bool,
        adding results: inout [ComparedRun]
    ) throws {
        var ended: [ComparedRun] = []
        let names = experiment.compositions.map(\.name)
        func number(_ composition: String, _ seed: UInt64) -> Int {
            Int(seed - options.seed) * names.count + (names.firstIndex(of: composition) ?? 0)
        }
        let output = OrderedOutput()
        let epochs = epochs(of: sample)
        let progress = Progress(
            epochs: epochs, runCount: runCount(experiment), namesSeed: options.seedCount > 1, isBrief: isBrief,
            output: output)
        defer {
            output.finish()
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
                    output.write(number) {
                        json.write(record, sample: sample.name, composition: composition, seed: seed)
                    }
                }
            },
            finished: { result in
                progress.finish(result)
                json?.write(result, sample: sample.name)
                ended.append(result)
                output.finish(number(result.composition, result.seed))
            })
    }

    private func runCount(_ experiment: Experiment) -> Int { experiment.compositions.count * options.seedCount }

    /// As many runs in parallel as there are threads, unless a number was given.
    private func runsAtOnce(_ experiment: Experiment) -> Int {
        min(options.jobs ?? Kernels.threadCount, runCount(experiment))
    }

    /// The epochs that an event completes. A resumed run starts with the records of its earlier epochs, so the file is that
    /// of a run that was never stopped.
    private func records(_ event: RunEvent) -> [EpochRecord] {
        switch event {
        case .started(let run, _): run.history
        case .epochEnded(_, let record): [record]
        default: []
        }
    }

    /// Saves every epoch, or every twentieth of the run if there are many epochs.
    private func checkpoints(_ place: String, _ epochs: Int) -> CheckpointPolicy? {
        options.checkpointFolder.map { folder in
            CheckpointPolicy(
                in: folder.appending(path: place, directoryHint: .isDirectory), everyEpochs: max(1, epochs / 20),
                resuming: options.resumes)
        }
    }

    /// Writes an object that does not belong to a run.
    func write(_ fields: [(name: String, value: JSON)]) { json?.write(fields) }

    // MARK: Words

    /// The sample, its data and its runs.
    func heading(_ sample: Sample, _ experiment: Experiment) -> String {
        let atOnce = runsAtOnce(experiment)
        let each = max(1, Kernels.threadCount / atOnce)
        let threads = each == 1 ? "1 thread" : "\(each) threads"
        return """
            \(sample.name): \(sample.summary)
            \(facts(sample, experiment).joined(separator: "\n")), \
            \(atOnce == 1 ? threads : "\(atOnce) runs in parallel, \(threads) each") (\(Kernels.instructionSet))

            """
    }

    /// The data, sizes, epochs and seeds.
    func facts(_ sample: Sample, _ experiment: Experiment) -> [String] {
        let (train, validation, test) = (experiment.train.count, experiment.validation?.count, experiment.test.count)
        let sizes =
            ["\(train) for training"] + (validation.map { ["\($0) for validation"] } ?? []) + ["\(test) for testing"]
        let seeds =
            options.seedCount == 1 ? "seed \(options.seed)" : "seeds \(options.seed) to \(options.seeds.last ?? 0)"
        let count = experiment.compositions.count
        return [
            "data: \(experiment.source); \(sizes.joined(separator: ", "))",
            "\(count == 1 ? "1 composition" : "\(count) compositions"), \(epochs(of: sample)) epochs, \(seeds)",
        ]
    }

    /// The time since the session began.
    var duration: String { Session.duration(since: start) }

    static func duration(since start: ContinuousClock.Instant) -> String {
        Progress.duration((ContinuousClock.now - start) / .seconds(1))
    }

    /// Prints how to resume after Ctrl-C.
    ///
    /// - Returns: the exit code: `code`, or 130 after Ctrl-C.
    /// - Throws: the error that kept results from being written.
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
                "Interrupted. Nothing was saved: --checkpoint DIR saves runs, and --resume resumes them."
        }
        let arguments = invocation.arguments.filter { $0 != "--resume" } + ["--resume"]
        let words = arguments.map { word in
            word.allSatisfy { $0.isLetter || $0.isNumber || "-_./=+".contains($0) }
                ? word : "'\(word.replacingOccurrences(of: "'", with: "'\\''"))'"
        }
        return "Interrupted and saved. To resume: samples \(words.joined(separator: " "))"
    }
}
