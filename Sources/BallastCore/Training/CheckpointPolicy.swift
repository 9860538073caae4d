internal import BallastFiles
public import Foundation

/// Where and when a run is saved, and whether it resumes what was saved.
public struct CheckpointPolicy: Sendable {
    /// The file, `run.safetensors` in the folder given; the one before it is kept beside it as `.previous`.
    public let file: URL
    /// After how many epochs the run is saved; nil for never.
    public let everyEpochs: Int?
    /// After how many steps the run is saved, in the middle of an epoch too; nil for never.
    public let everySteps: Int?
    /// After how many seconds the run is saved at its next step; nil for never.
    public let everySeconds: Double?
    /// Whether a run that is found there is resumed.
    public let resumes: Bool

    /// Creates a policy. The run is saved when it ends, too.
    ///
    /// - Parameters:
    ///   - folder: where the file is kept; it is created if it does not exist.
    ///   - everyEpochs: after how many epochs the run is saved; positive.
    ///   - everySteps: after how many steps the run is saved; positive.
    ///   - everySeconds: after how many seconds the run is saved; positive.
    ///   - resuming: whether a run that is found there is resumed; otherwise it is replaced.
    public init(
        in folder: URL, everyEpochs: Int? = 1, everySteps: Int? = nil, everySeconds: Double? = nil,
        resuming: Bool = true
    ) {
        require(everyEpochs.map { $0 > 0 } ?? true, "CheckpointPolicy: everyEpochs must be positive")
        require(everySteps.map { $0 > 0 } ?? true, "CheckpointPolicy: everySteps must be positive")
        require(everySeconds.map { $0 > 0 } ?? true, "CheckpointPolicy: everySeconds must be positive")
        file = folder.appendingPathComponent("run.safetensors")
        self.everyEpochs = everyEpochs
        self.everySteps = everySteps
        self.everySeconds = everySeconds
        resumes = resuming
    }

    /// The file that is kept of the save before.
    var previous: URL { file.deletingLastPathComponent().appendingPathComponent(file.lastPathComponent + ".previous") }

    /// Loads the checkpoint to resume from, or nil if there is none. Falls back to the previous file if the newest is
    /// damaged.
    func load(note: (String) -> Void) throws -> SavedRun? {
        guard resumes else { return nil }
        var damage: [String] = []
        var missing: String?
        for candidate in [file, previous] {
            guard try exists(candidate) else {
                if candidate == file { missing = "\(file.path) is missing" }
                continue
            }
            do {
                let saved = try SavedRun(contentsOf: candidate)
                if let reason = missing ?? damage.first {
                    note("\(reason); resuming from the checkpoint before it, \(candidate.path)")
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

    /// Whether a file exists; an error if that cannot be told, since a folder that cannot be read is not an empty one.
    private func exists(_ url: URL) throws -> Bool {
        var status = stat()
        guard stat(url.path, &status) != 0 else { return true }
        let code = errno
        guard code != ENOENT else { return false }
        throw CheckpointError(
            "\(url.path) cannot be looked up: \(String(cString: strerror(code))). Give this user permission to read the folder, or choose another",
            isFinal: true)
    }
}

/// Saves the checkpoints of one run when they are due; holds the folder's lock until the run has ended.
final class CheckpointWriter {
    private let policy: CheckpointPolicy
    private let lock: CheckpointLock
    private var lastSave = ContinuousClock.now

    init(_ policy: CheckpointPolicy) throws {
        self.policy = policy
        lock = try CheckpointLock(policy.file.deletingLastPathComponent())
    }

    func isDue(afterEpochs epochs: Int) -> Bool { policy.everyEpochs.map { epochs % $0 == 0 } ?? false }

    func isDue(afterSteps steps: Int) -> Bool {
        if policy.everySteps.map({ steps % $0 == 0 }) ?? false { return true }
        return policy.everySeconds.map { (ContinuousClock.now - lastSave) / .seconds(1) >= $0 } ?? false
    }

    func save(_ run: Run) throws {
        let (file, place) = (policy.file, "step \(run.stepCount) (epoch \(run.epoch))")
        defer { lastSave = .now }
        do {
            try lock.check()
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try SavedRun.write(run, to: file)
        } catch let error as DataFileError {
            throw CheckpointError("\(place): the run cannot be saved. \(error)")
        } catch let error as CheckpointError {
            throw CheckpointError("\(place): \(error)")
        } catch {
            throw CheckpointError(
                "\(place): the run cannot be saved. The folder \(file.deletingLastPathComponent().path) cannot be created: \(error.localizedDescription). Choose a folder that this user may write to"
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
