public import Foundation

/// Where and when a run is saved, and whether it goes on with what was saved.
public struct CheckpointPolicy: Sendable {
    /// The file, `run.safetensors` in the folder given; the one before it is kept beside it as `.previous`.
    public let file: URL
    /// After how many epochs the run is saved; nil for never.
    public let everyEpochs: Int?
    /// After how many steps the run is saved, in the middle of an epoch too; nil for never.
    public let everySteps: Int?
    /// Whether a run that is found there goes on.
    public let resumes: Bool

    /// Creates a policy. The run is saved when it ends, too.
    ///
    /// - Parameters:
    ///   - folder: where the file is kept; it is created if it is not there.
    ///   - everyEpochs: after how many epochs the run is saved.
    ///   - everySteps: after how many steps the run is saved.
    ///   - resuming: whether a run that is found there goes on; otherwise it is replaced.
    public init(in folder: URL, everyEpochs: Int? = 1, everySteps: Int? = nil, resuming: Bool = true) {
        require(everyEpochs.map { $0 > 0 } ?? true, "CheckpointPolicy: everyEpochs must be positive")
        require(everySteps.map { $0 > 0 } ?? true, "CheckpointPolicy: everySteps must be positive")
        file = folder.appendingPathComponent("run.safetensors")
        self.everyEpochs = everyEpochs
        self.everySteps = everySteps
        resumes = resuming
    }

    func isDue(afterEpochs epochs: Int) -> Bool { everyEpochs.map { epochs % $0 == 0 } ?? false }

    func isDue(afterSteps steps: Int) -> Bool { everySteps.map { steps % $0 == 0 } ?? false }

    /// The file that is kept of the save before.
    var previous: URL { file.deletingLastPathComponent().appendingPathComponent(file.lastPathComponent + ".previous") }

    /// The saved run to go on with; nil if there is none. A file that is damaged gives way to the one before it.
    func load(note: (String) -> Void) throws -> SavedRun? {
        guard resumes else { return nil }
        var damage: [String] = []
        var missing: String?
        for candidate in [file, previous] {
            guard FileManager.default.fileExists(atPath: candidate.path) else {
                if candidate == file { missing = "\(file.path) is missing" }
                continue
            }
            do {
                let saved = try SavedRun(contentsOf: candidate)
                if let reason = missing ?? damage.first {
                    note("\(reason); going on with the checkpoint before it, \(candidate.path)")
                }
                return saved
            } catch let error as CheckpointError where error.isFinal {
                throw error
            } catch {
                damage.append("\(error)")
            }
        }
        guard damage.isEmpty else {
            throw CheckpointError(
                "no checkpoint can be read: \(damage.joined(separator: "; ")). Remove the files to start anew")
        }
        return nil
    }

    func save(_ run: Run) throws {
        do {
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try SavedRun.write(run, to: file)
        } catch let error as DataFileError {
            throw CheckpointError("step \(run.stepCount) (epoch \(run.epoch)): the run cannot be saved. \(error)")
        } catch {
            throw CheckpointError(
                "step \(run.stepCount) (epoch \(run.epoch)): the run cannot be saved. The folder \(file.deletingLastPathComponent().path) cannot be created: \(error.localizedDescription). Choose a folder that this user may write to"
            )
        }
    }
}

/// Why a checkpoint or model file cannot be used.
public struct CheckpointError: Error, CustomStringConvertible {
    /// The explanation: what, where, and what to do.
    public let description: String
    /// Whether the checkpoint before it would not do either.
    let isFinal: Bool

    init(_ description: String, isFinal: Bool = false) {
        self.description = description
        self.isFinal = isFinal
    }
}
