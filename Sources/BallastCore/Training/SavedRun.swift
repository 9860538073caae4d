internal import BallastFiles
internal import Foundation
internal import Tensors

/// A run in a file: all variables as tensors under their paths, everything else as metadata.
struct SavedRun {
    static let formatVersion = 2
    /// Where the variables are kept that a run is left with when it ends.
    private static let finalPath = "final"

    /// What is saved beside the tensors. Infinite numbers and NaN are written as strings.
    struct State: Codable {
        var version = SavedRun.formatVersion
        var seed: UInt64
        var step: Int
        var lossSum: Double
        var penaltySums: [Double]
        var trainSeconds: Double
        var learningRateFactor: Float
        var batchSize: Int
        var shards: Int
        /// The parameter groups, in words; nil in files that are older than they are.
        var groups: [String]?
        var sampleCount: Int
        var end: RunEnd?
        var history: [EpochRecord]
        var numbers: [NamedValue]
        var techniques: [String]
        /// The techniques and the optimizer with their hyper-parameters, and the loss, in words.
        var hyperparameters: [String]
        var optimizer: String
        var loss: String
        /// The paths of the variables in each copy that a technique keeps, by its path.
        var snapshots: [String: [SnapshotEntry]]
        /// The same of the variables that callbacks chose for the end, by the callback's name.
        var finals: [String: [SnapshotEntry]]
        /// The same of the variables that were validated when the run ended.
        var validated: [SnapshotEntry]?
    }

    struct SnapshotEntry: Codable {
        let path: String
        let role: ParameterRole?
    }

    let place: String
    let state: State
    /// The variables, until the first pass has looked them up.
    let loadedVariables: LoadedVariables
    private let snapshots: [String: Variables]
    private let finals: [String: Variables]
    private let validated: Variables?

    // MARK: Reading

    init(contentsOf url: URL) throws {
        place = url.path
        let file = try SafetensorsFile(contentsOf: url)
        guard let text = file.metadata["ballast.run"] else {
            throw CheckpointError(
                "\(url.path) is a model, not a run: it has no \"ballast.run\" in its metadata. Give the folder of a checkpoint",
                isFinal: true)
        }
        if let version = file.metadata["ballast.version"], version != "\(SavedRun.formatVersion)" {
            throw CheckpointError(
                "\(url.path) has format version \(version), this program reads version \(SavedRun.formatVersion). Continue it with the version of Ballast that wrote it, or start anew in another folder; TensorFile.read gives its variables",
                isFinal: true)
        }
        do {
            state = try SavedRun.decoder.decode(State.self, from: Data(text.utf8))
        } catch {
            throw CheckpointError("\(url.path): its run state cannot be read (\(error))")
        }
        var tensors = try TensorFile.tensors(of: file)
        func take(_ entries: [SnapshotEntry], at path: String) -> Variables {
            Variables(
                entries: entries.compactMap { entry in
                    tensors.removeValue(forKey: "\(path)/\(entry.path)").map {
                        .init(path: entry.path, role: entry.role, value: $0)
                    }
                })
        }
        var snapshots: [String: Variables] = [:]
        for (path, entries) in state.snapshots { snapshots[path] = take(entries, at: path) }
        var finals: [String: Variables] = [:]
        for (name, entries) in state.finals { finals[name] = take(entries, at: "\(SavedRun.finalPath)/\(name)") }
        (self.snapshots, self.finals) = (snapshots, finals)
        validated = state.validated.map { take($0, at: SavedRun.finalPath) }
        loadedVariables = LoadedVariables(
            tensors, numbers: state.numbers.map { ($0.name, $0.value) }, order: file.entries.map(\.name))
    }

    /// Brings a run to where it was, after the first pass.
    func restore(_ run: Run) throws {
        let names = run.trainer.composition.techniques.map(\.name)
        var problems = loadedVariables.problems
        func compare(_ what: String, _ saved: some Equatable, _ now: some Equatable) {
            if "\(saved)" != "\(now)" { problems.append("it was saved with \(what) \(saved), this run has \(now)") }
        }
        // A technique without state may come, go or move; what it would change is noted.
        let missing = state.techniques.filter { !names.contains($0) && keepsSomething($0) }
        if !missing.isEmpty {
            problems.append(
                "it holds state of the techniques [\(missing.joined(separator: ", "))], which this run lacks")
        }
        compare("seed", state.seed, run.seed)
        compare("batch size", state.batchSize, run.trainer.batchSize)
        compare("shards", state.shards, run.trainer.shards)
        compare("sample count", state.sampleCount, run.train.count)
        let rest = loadedVariables.remainingPaths(besides: names)
        if !rest.isEmpty {
            problems.append("it holds variables that this model lacks: \(rest.joined(separator: ", "))")
        }
        guard problems.isEmpty else {
            throw CheckpointError(
                "the checkpoint \(place) is of another run: \(problems.joined(separator: "; ")). Give that model, composition, seed and data, or start anew in another folder",
                isFinal: true)
        }
        try checkPosition(run.stepsPerEpoch)
        loadedVariables.isComplete = false
        run.model.tree.declareRemaining(of: loadedVariables, run.state.states)
        run.state.states.snapshots = snapshots
        run.state.step = state.step
        run.state.lossSum = state.lossSum
        run.state.penaltySums = penaltySums(of: run)
        run.state.trainSeconds = state.trainSeconds
        run.state.learningRateFactor = state.learningRateFactor
        run.state.history = state.history
        run.state.finalVariables = finals
        // A run that was to have fewer epochs, or was cancelled, continues; one that a technique stopped stays stopped.
        if case .stopped(let technique, _) = state.end, names.contains(technique) {
            run.state.end = state.end
            run.state.validatedVariables = validated
        } else if state.end != nil {
            // The end of this run, if it is here; a run that continues is left with what it validates then.
            run.state.validatedVariables = validated
        }
    }

    /// Whether a technique of the saved run has left anything that the file holds.
    private func keepsSomething(_ name: String) -> Bool {
        !loadedVariables.remainingPaths(besides: []).allSatisfy { !$0.hasPrefix(name + "/") }
            || state.numbers.contains { $0.name.hasPrefix(name + "/") }
            || snapshots.keys.contains { $0.hasPrefix(name + "/") } || finals[name] != nil
    }

    /// The sums of penalties so far, by name; 0 for a penalty that is new.
    private func penaltySums(of run: Run) -> [Double] {
        let saved = state.history.last?.penalties.map(\.name) ?? []
        let now = run.trainingStep.table.penalties.map(\.technique.name)
        if state.penaltySums.count == now.count { return state.penaltySums }
        return now.map { name in
            saved.firstIndex(of: name).flatMap { $0 < state.penaltySums.count ? state.penaltySums[$0] : nil } ?? 0
        }
    }

    /// Makes sure that the run is at a position where a run can be.
    private func checkPosition(_ stepsPerEpoch: Int) throws {
        let (done, overflow) = state.history.count.multipliedReportingOverflow(by: stepsPerEpoch)
        guard !overflow, (done..<done + stepsPerEpoch).contains(state.step),
            state.history.enumerated().allSatisfy({ $0.offset == $0.element.epoch })
        else {
            throw CheckpointError(
                "the checkpoint \(place) does not say where its run is: step \(state.step) after \(state.history.count) epochs of \(stepsPerEpoch) steps. It was changed by hand or is damaged: remove it to start anew",
                isFinal: true)
        }
    }

    // MARK: Writing

    static func write(_ run: Run, to url: URL) throws {
        let (state, layout) = (run.state, run.model.tree.layout)
        func entries(_ variables: Variables) -> [SnapshotEntry] {
            variables.entries.map { SnapshotEntry(path: $0.path, role: $0.role) }
        }
        let saved = State(
            seed: run.seed, step: state.step, lossSum: state.lossSum, penaltySums: state.penaltySums,
            trainSeconds: run.epochSeconds, learningRateFactor: state.learningRateFactor,
            batchSize: run.trainer.batchSize, shards: run.trainer.shards,
            groups: run.trainer.groups.map(\.description), sampleCount: run.train.count,
            end: state.end, history: state.history,
            numbers: zip(layout.numbers, state.states.numbers).map { NamedValue($0, $1) },
            techniques: run.trainer.composition.techniques.map(\.name),
            hyperparameters: SavedRun.hyperparameters(of: run.trainer),
            optimizer: Plan.hyperparameters(of: run.trainer.optimizer), loss: run.trainer.loss.name,
            snapshots: state.states.snapshots.mapValues(entries), finals: state.finalVariables.mapValues(entries),
            validated: state.validatedVariables.map(entries))
        var tensors = run.variables.entries.map { ($0.path, $0.value) }
        for (parameter, slots) in zip(layout.parameters, state.slots) {
            for (slot, value) in zip(run.trainer.optimizer.slots, slots) {
                tensors.append(("optimizer/\(slot)/\(parameter.path)", value))
            }
        }
        if let bad = tensors.first(where: { !$0.1.isFinite }) {
            throw CheckpointError(
                "\"\(bad.0)\" holds a value that is not finite, so the run is not saved; the checkpoint before it stays. Lower the learning rate"
            )
        }
        func append(_ variables: Variables, at path: String) {
            tensors += variables.entries.map { ("\(path)/\($0.path)", $0.value) }
        }
        for (path, variables) in state.states.snapshots.sorted(by: { $0.key < $1.key }) { append(variables, at: path) }
        for (name, variables) in state.finalVariables.sorted(by: { $0.key < $1.key }) {
            append(variables, at: "\(finalPath)/\(name)")
        }
        if let validated = state.validatedVariables { append(validated, at: finalPath) }
        let text = String(decoding: try encoder.encode(saved), as: UTF8.self)
        try SafetensorsFile.write(
            tensors.map { TensorFile.source($0.0, $0.1) },
            metadata: ["ballast.run": text, "ballast.version": "\(formatVersion)", "format": "ballast"], to: url,
            keepsPrevious: true)
    }

    private static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return encoder
    }

    private static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return decoder
    }
}
