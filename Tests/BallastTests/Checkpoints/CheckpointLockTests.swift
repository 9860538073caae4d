import Ballast
import BallastPlugins
import Foundation
import Testing

/// One process at a time writes to a checkpoint folder, and in a process the run that began last.
struct CheckpointLockTests {
    private static func trainer() -> Trainer {
        Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: Adam(), batchSize: 8)
    }

    @Test func `a second process is refused, and admitted once the first has been killed`() async throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        // A process that holds the lock as a run does, until it is killed.
        let lock = folder.appending(path: "run.lock")
        let holder = Process()
        holder.executableURL = URL(filePath: "/usr/bin/env")
        holder.arguments = [
            "python3", "-c",
            "import fcntl,sys,time;f=open(sys.argv[1],'w');fcntl.flock(f,fcntl.LOCK_EX);f.write('process 1 on elsewhere');f.flush();print('held',flush=True);time.sleep(60)",
            lock.path,
        ]
        let output = Pipe()
        holder.standardOutput = output
        try holder.run()
        defer { holder.terminate() }
        #expect(String(decoding: output.fileHandleForReading.availableData, as: UTF8.self).hasPrefix("held"))

        let policy = CheckpointPolicy(in: folder)
        let text = message(of: CheckpointError.self) {
            _ = try Self.trainer().fit(Problem.rows(), epochs: 1, checkpoints: policy)
        }
        expect(text, holds: folder.path, "is in use by process 1 on elsewhere", "choose another folder")
        kill(holder.processIdentifier, SIGKILL)
        holder.waitUntilExit()
        #expect(try Self.trainer().fit(Problem.rows(), epochs: 1, checkpoints: policy).isFinished)
    }

    @Test func `of two runs of a process in one folder, the one that began last is saved`() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let (data, notes) = (try Problem.rows(), Log())
        let policy = CheckpointPolicy(in: folder, everyEpochs: nil, everySteps: 1)
        let first = try Self.trainer().start(data, epochs: 2, checkpoints: policy) { event in
            if case .noted(let note) = event { notes.add(note) }
        }
        try first.step()
        let second = try Self.trainer().start(data, epochs: 2, checkpoints: policy)
        try first.step()
        #expect(notes.all.count == 1 && notes.all[0].contains("another run of this process"))
        try second.finish()
        #expect(second.isFinished)
        // The folder is free again.
        try first.step()
        #expect(notes.all.count == 1)
    }
}
