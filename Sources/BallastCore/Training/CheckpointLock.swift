internal import Foundation
internal import Synchronization

/// The right to write to a checkpoint folder: one process at a time, and in a process the run that began last.
///
/// The lock is a file in the folder that the operating system locks for the process (`flock`), so that it is free as soon
/// as the process has ended, however that happens.
final class CheckpointLock: Sendable {
    private struct Held {
        let descriptor: Int32
        /// The run that may save; nil once that has ended, until another one saves.
        var owner: ObjectIdentifier?
        var count: Int
    }

    /// The locks of this process, by the path of the file.
    private static let held = Mutex<[String: Held]>([:])

    private let path: String

    /// Locks a folder, which is created if it does not exist.
    ///
    /// - Throws: ``CheckpointError`` if another process uses the folder, or it cannot be written.
    init(_ folder: URL) throws {
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let path = folder.resolvingSymlinksInPath().appendingPathComponent("run.lock").path
        self.path = path
        let owner = ObjectIdentifier(self)
        try CheckpointLock.held.withLock { held in
            if let lock = held[path] {
                held[path] = Held(descriptor: lock.descriptor, owner: owner, count: lock.count + 1)
                return
            }
            held[path] = Held(descriptor: try CheckpointLock.lock(path, folder), owner: owner, count: 1)
        }
    }

    deinit {
        CheckpointLock.held.withLock { held in
            guard var lock = held[path] else { return }
            lock.count -= 1
            if lock.owner == ObjectIdentifier(self) { lock.owner = nil }
            held[path] = lock.count > 0 ? lock : nil
            guard lock.count == 0 else { return }
            // A process that is being started has the descriptor too for a moment: closing alone would not unlock.
            _ = flock(lock.descriptor, LOCK_UN)
            close(lock.descriptor)
        }
    }

    private static func lock(_ path: String, _ folder: URL) throws -> Int32 {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else {
            throw CheckpointError(
                "the folder \(folder.path) cannot be used for checkpoints: \(String(cString: strerror(errno))). Choose a folder that this user may write to",
                isFinal: true)
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            var bytes = [UInt8](repeating: 0, count: 200)
            let count = max(0, read(descriptor, &bytes, bytes.count))
            let holder = String(decoding: bytes[..<count], as: UTF8.self)
            close(descriptor)
            throw CheckpointError(
                "the folder \(folder.path) is in use by \(holder.isEmpty ? "another process" : holder). Wait until that has ended, or choose another folder",
                isFinal: true)
        }
        let holder = Array("process \(getpid()) on \(ProcessInfo.processInfo.hostName)".utf8)
        _ = ftruncate(descriptor, 0)
        _ = holder.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        return descriptor
    }

    /// Makes sure that no other run of this process has begun to use the folder.
    func check() throws {
        let owner = CheckpointLock.held.withLock { held in
            if held[path]?.owner == nil { held[path]?.owner = ObjectIdentifier(self) }
            return held[path]?.owner
        }
        guard owner == ObjectIdentifier(self) else {
            throw CheckpointError(
                "another run of this process has begun to use the same folder, so this one is not saved. Give each run a folder of its own"
            )
        }
    }
}
