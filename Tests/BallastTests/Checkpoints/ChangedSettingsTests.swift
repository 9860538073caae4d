import Ballast
import BallastPlugins
import Foundation
import Testing

/// A run that goes on from a checkpoint under other hyper-parameters says so.
struct ChangedSettingsTests {
    private func resumed(
        strength: Float = 0.01, optimizer: any Optimizer = SGD(learningRate: 0.1), loss: Loss = .crossEntropy,
        silencing: Set<String> = [], in folder: URL
    ) throws -> Run {
        try Trainer(Problem.perceptron, loss: loss, optimizer: optimizer, batchSize: 8, silencing: silencing) {
            L2(strength)
            Dropout(0.2)
        }.start(Problem.rows(), epochs: 4, seed: 1, checkpoints: CheckpointPolicy(in: folder))
    }

    private func withCheckpoint(_ body: (URL) throws -> Void) throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let run = try resumed(in: folder)
        for _ in 0..<7 { try run.step() }
        try body(folder)
    }

    @Test func `the same settings are no finding, whatever is new in the call`() throws {
        try withCheckpoint { folder in
            let run = try resumed(in: folder)
            #expect(run.stepCount == 7 && run.diagnostics.isEmpty, "\(run.diagnostics)")
        }
    }

    @Test func `a changed strength, optimizer or loss is a warning that names both, and the run goes on`() throws {
        try withCheckpoint { folder in
            let run = try resumed(strength: 0.02, in: folder)
            let finding = try #require(run.diagnostics.first)
            #expect(run.diagnostics.count == 1 && finding.technique == "L2")
            expect(
                finding.description, holds: "warning [changed-since-checkpoint] L2: the checkpoint ", folder.path,
                "was saved with L2(strength: 0.01,", "this run continues with L2(strength: 0.02,",
                "the bits of the run that was never stopped", "start anew in another folder",
                "silencing: [\"changed-since-checkpoint\"]")
            try run.finish()
            #expect(run.stepCount == 28)
        }
        try withCheckpoint { folder in
            let run = try resumed(
                optimizer: SGD(learningRate: 0.05),
                loss: Loss("another", target: .classes, Loss.crossEntropy.callAsFunction),
                in: folder)
            #expect(run.diagnostics.map(\.technique) == ["optimizer", "loss"])
            expect(
                "\(run.diagnostics)", holds: "SGD(learningRate: 0.1,", "SGD(learningRate: 0.05,",
                "continues with another")
        }
    }

    @Test func `a change that is meant can be silenced`() throws {
        try withCheckpoint { folder in
            let run = try resumed(strength: 0.02, silencing: ["changed-since-checkpoint"], in: folder)
            #expect(run.stepCount == 7 && run.diagnostics.isEmpty)
        }
    }
}
