import BallastPlugins
import Foundation

/// Runs samples as the command line asks, and shows what comes out.
struct SampleRunner {
    private let invocation: Invocation
    private let json: JSONLines?
    private let interruption = Interruption()

    private var options: RunOptions { invocation.options }
    private var isTour: Bool { invocation.command == .tour }

    init(_ invocation: Invocation) throws {
        self.invocation = invocation
        json = try invocation.options.jsonFile.map(JSONLines.init)
    }

    /// Runs samples one after the other.
    ///
    /// - Returns: the exit code: 0, or 130 after Ctrl-C.
    func run(_ samples: [Sample]) throws -> Int32 {
        let start = ContinuousClock.now
        let name = isTour ? "tour" : samples[0].name
        var page = Page(
            isTour ? "Regularization, a tour" : name, file: options.pageFile, name: name,
            arguments: invocation.arguments)
        for sample in samples where !interruption.isRequested {
            try run(sample, on: &page)
        }
        try page.write()
        if let failure = json?.failure { throw failure }
        if isTour, !interruption.isRequested {
            print(
                "The tour took \(seconds(since: start)). Each sample at full size: samples run NAME; more: samples help"
            )
        }
        guard interruption.isRequested else { return 0 }
        print(farewell)
        return 130
    }

    private func run(_ sample: Sample, on page: inout Page) throws {
        let start = ContinuousClock.now
        let experiment = try sample.prepare(
            Sample.Setting(isQuick: options.isQuick || isTour, dataFolder: options.dataFolder)
        ).varied(options)
        let epochs = options.epochs ?? (options.isQuick || isTour ? sample.quickEpochs : sample.epochs)
        print(heading(sample, experiment, epochs))
        Terminal.flush()

        var results: [ComparedRun] = []
        defer { report(results, of: sample, since: start) }
        let progress = Progress(
            epochs: epochs, runCount: experiment.compositions.count * options.seedCount,
            namesSeed: options.seedCount > 1, isBrief: isTour)
        _ = try Comparison(experiment.trainer, experiment.compositions).run(
            train: experiment.train, validation: experiment.validation, test: experiment.test, epochs: epochs,
            seeds: options.seeds,
            checkpoints: { checkpoints(sample, $0, $1, epochs) }, cancellation: interruption.cancellation,
            observer: { composition, seed, event in
                progress.observe(composition, seed, event)
                write(event, sample, composition, seed)
            },
            finished: { result in
                progress.finish(result)
                json?.write(result, sample: sample.name)
                results.append(result)
            })
        try page.add(sample, experiment, results, facts: facts(experiment, epochs))
    }

    // MARK: Files

    /// Every epoch is saved, or, where epochs are many and short, every twentieth part of the run.
    private func checkpoints(
        _ sample: Sample, _ composition: String, _ seed: UInt64, _ epochs: Int
    ) -> CheckpointPolicy? {
        options.checkpointFolder.map { folder in
            CheckpointPolicy(
                in: folder.appending(path: "\(sample.name)/\(composition)/seed-\(seed)", directoryHint: .isDirectory),
                everyEpochs: max(1, epochs / 20), resuming: options.resumes)
        }
    }

    private func write(_ event: RunEvent, _ sample: Sample, _ composition: String, _ seed: UInt64) {
        guard let json else { return }
        switch event {
        // A run that goes on brings the accounts of its epochs along: the file is that of a run never stopped.
        case .started(let run, _):
            for record in run.history { json.write(record, sample: sample.name, composition: composition, seed: seed) }
        case .epochEnded(_, let record):
            json.write(record, sample: sample.name, composition: composition, seed: seed)
        default: break
        }
    }

    // MARK: Words

    private func heading(_ sample: Sample, _ experiment: Experiment, _ epochs: Int) -> String {
        """
        \(sample.name): \(sample.summary)
        \(facts(experiment, epochs).joined(separator: "\n")), \
        \(Kernels.threadCount == 1 ? "1 thread" : "\(Kernels.threadCount) threads") (\(Kernels.instructionSet))

        """
    }

    /// What runs on what.
    private func facts(_ experiment: Experiment, _ epochs: Int) -> [String] {
        let (train, held, test) = (experiment.train.count, experiment.validation?.count, experiment.test.count)
        let sizes = ["\(train) to train on"] + (held.map { ["\($0) to validate with"] } ?? []) + ["\(test) to test on"]
        let seeds =
            options.seedCount == 1 ? "seed \(options.seed)" : "seeds \(options.seed) to \(options.seeds.last ?? 0)"
        return [
            "data: \(experiment.source); \(sizes.joined(separator: ", "))",
            "\(experiment.compositions.count) compositions, \(epochs) epochs, \(seeds)",
        ]
    }

    private func report(_ results: [ComparedRun], of sample: Sample, since start: ContinuousClock.Instant) {
        Terminal.clearLine()
        guard !results.isEmpty else { return }
        if !Terminal.isInteractive, !isTour { print() }
        print("\(ComparisonTable(results))\n")
        if !interruption.isRequested { print("What to look for: \(sample.lookFor)\n") }
        print("\(sample.name) took \(seconds(since: start))\n")
        Terminal.flush()
    }

    /// What to say after Ctrl-C.
    private var farewell: String {
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

    private func seconds(since start: ContinuousClock.Instant) -> String {
        Progress.duration((ContinuousClock.now - start) / .seconds(1))
    }
}
