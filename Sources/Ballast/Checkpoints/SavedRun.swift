internal import Foundation
internal import Tensors

/// A run in a file: all variables as tensors under their paths, everything else as metadata.
struct SavedRun {
    static let formatVersion = 1
    private static let resultPath = "result"

    /// What is saved beside the tensors. Infinite numbers and NaN are written as strings.
    struct State: Codable {
        var version = SavedRun.formatVersion
        var seed: UInt64
        var epoch: Int
        var step: Int
        var globalStep: Int
        var position: Int
        var lossSum: Double
        var penaltySums: [Double]
        var trainSeconds: Double
        var learningRateFactor: Float
        var batchSize: Int
        var sampleCount: Int
        var stopReason: String?
        var history: [EpochRecord]
        var numbers: [NamedValue]
        var techniques: [String]
        /// The techniques and the optimizer with their hyper-parameters, and the loss, in words.
        var settings: [String]
        var optimizer: String
        var loss: String
        /// The paths of parameters and states in a copy of variables, by its path.
        var snapshots: [String: [SnapshotEntry]]
    }

    struct SnapshotEntry: Codable {
        let path: String
        let role: ParameterRole?
    }

    let place: String
    let state: State
    private let tensors: [String: Tensor]
    /// The names of the tensors as they were written.
    private let order: [String]

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
                "\(url.path) has format version \(version), this program reads version \(SavedRun.formatVersion). Use the program that wrote it, or start anew in another folder",
                isFinal: true)
        }
        do {
            state = try SavedRun.decoder.decode(State.self, from: Data(text.utf8))
        } catch {
            throw CheckpointError("\(url.path): its run state cannot be read (\(error))")
        }
        tensors = try TensorFile.tensors(of: file)
        order = file.entries.map(\.name)
    }

    /// Hands the variables over, to be found by the first pass.
    func fill(_ store: VariableStore) {
        store.expectsLoaded = true
        store.loaded = tensors
        store.loadedNumbers = state.numbers.map { ($0.name, $0.value) }
        for (path, entries) in state.snapshots {
            store.snapshots[path] = Variables(
                entries: entries.compactMap { entry in
                    store.loaded.removeValue(forKey: "\(path)/\(entry.path)").map {
                        .init(path: entry.path, role: entry.role, value: $0)
                    }
                })
        }
    }

    /// Brings a run to where it was, after the first pass.
    func restore(_ run: Run) throws {
        let store = run.execution.store
        store.expectsLoaded = false
        var problems = run.execution.problems
        let names = run.trainer.composition.techniques.map(\.name)
        if names != state.techniques {
            problems.append(
                "it was saved with the techniques [\(state.techniques.joined(separator: ", "))], this run has [\(names.joined(separator: ", "))]"
            )
        }
        if state.seed != run.seed { problems.append("it was saved with seed \(state.seed), this run has \(run.seed)") }
        if state.batchSize != run.trainer.batchSize {
            problems.append("it was saved with batches of \(state.batchSize), this run has \(run.trainer.batchSize)")
        }
        if state.sampleCount != run.train.count {
            problems.append("it was saved with \(state.sampleCount) samples, this run has \(run.train.count)")
        }
        if state.penaltySums.count != run.stepper.penaltySums.count {
            problems.append(
                "it was saved with \(state.penaltySums.count) penalties, this run has \(run.stepper.penaltySums.count)")
        }
        // Techniques may create state of their own when they are first called: what they have made is kept for them.
        let rest = store.loaded.keys.filter { path in !names.contains { path.hasPrefix($0 + "/") } }
        if !rest.isEmpty {
            problems.append("it holds variables that this model lacks: \(rest.sorted().joined(separator: ", "))")
        }
        guard problems.isEmpty else {
            throw CheckpointError(
                "the checkpoint \(place) is of another run: \(problems.joined(separator: "; ")). Give that model, composition, seed and data, or start anew in another folder",
                isFinal: true)
        }
        try checkPlace()
        store.declareLoaded(order)
        run.execution.epoch = state.epoch
        run.execution.step = state.step
        run.execution.globalStep = state.globalStep
        run.position = state.position
        run.lossSum = state.lossSum
        run.stepper.penaltySums = state.penaltySums
        run.trainSeconds = state.trainSeconds
        run.learningRateFactor = state.learningRateFactor
        run.history = state.history
        run.result = store.snapshots.removeValue(forKey: SavedRun.resultPath)
        // A run that was asked for fewer epochs, or was cancelled, goes on; one that a technique ended stays ended.
        if let reason = state.stopReason, names.contains(where: { reason.hasPrefix($0 + ": ") }) {
            run.stopReason = reason
        }
    }

    /// Makes sure that the run is at a place where a run can be.
    private func checkPlace() throws {
        let stepsPerEpoch = (state.sampleCount + state.batchSize - 1) / state.batchSize
        guard state.epoch == state.history.count, (0..<stepsPerEpoch).contains(state.step),
            state.position == state.step * state.batchSize, state.globalStep == state.epoch * stepsPerEpoch + state.step
        else {
            throw CheckpointError(
                "the checkpoint \(place) does not say where its run is: epoch \(state.epoch) after \(state.history.count) epochs, step \(state.step), sample \(state.position) of \(state.sampleCount). It was changed by hand or is damaged: remove it to start anew",
                isFinal: true)
        }
    }

    // MARK: Writing

    static func write(_ run: Run, to url: URL) throws {
        let execution = run.execution
        let store = execution.store
        var snapshots = store.snapshots
        snapshots[resultPath] = run.result
        let state = State(
            seed: run.seed, epoch: execution.epoch, step: execution.step, globalStep: execution.globalStep,
            position: run.position, lossSum: run.lossSum, penaltySums: run.stepper.penaltySums,
            trainSeconds: run.epochSeconds, learningRateFactor: run.learningRateFactor,
            batchSize: run.trainer.batchSize, sampleCount: run.train.count, stopReason: run.stopReason,
            history: run.history,
            numbers: store.numbers.map { NamedValue($0.path, $0.value) },
            techniques: run.trainer.composition.techniques.map(\.name),
            settings: SavedRun.settings(of: run.trainer),
            optimizer: Plan.settings(of: run.trainer.optimizer),
            loss: run.trainer.loss.name,
            snapshots: snapshots.mapValues { $0.entries.map { SnapshotEntry(path: $0.path, role: $0.role) } })
        var tensors = store.variables.entries.map { ($0.path, $0.value) }
        for parameter in store.parameters {
            for (slot, value) in zip(run.trainer.optimizer.slots, parameter.slots) {
                tensors.append(("optimizer/\(slot)/\(parameter.path)", value))
            }
        }
        for (path, snapshot) in snapshots.sorted(by: { $0.key < $1.key }) {
            tensors += snapshot.entries.map { ("\(path)/\($0.path)", $0.value) }
        }
        let text = String(decoding: try encoder.encode(state), as: UTF8.self)
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
