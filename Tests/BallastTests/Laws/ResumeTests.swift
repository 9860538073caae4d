import Ballast
import BallastPlugins
import Foundation
import Testing

/// A run that is stopped or killed at any moment goes on to the same bits as one that was never stopped.
struct ResumeTests {
    /// Every kind of state there is: moments, running statistics, lazily made state, best values, copies of variables,
    /// noise, a schedule and a learning rate that was changed.
    static func everything(patience: Int = 2, minDelta: Double = 0.001) -> Trainer {
        Trainer(
            Problem.perceptron, loss: .crossEntropy, optimizer: Adam(learningRate: 0.03), schedule: .cosine(final: 0.1),
            batchSize: 8, silencing: ["adaptive-l2", "double-decay"]
        ) {
            L2(1e-2)
            DecoupledDecay(1e-2)
            Dropout(0.3)
            Tracker()
            EarlyStopping(patience: patience, minDelta: minDelta)
        }
    }

    static let seed: UInt64 = 0xffff_ffff_ffff_fff7

    /// The run that is never stopped: 6 epochs of 7 steps.
    static func unstopped() throws -> Run {
        let data = try Problem.rows()
        return try everything().fit(data, validation: data.prefix(20), epochs: 6, seed: seed)
    }

    static func resumed(_ folder: URL, everySteps: Int?, observer: ((RunEvent) -> Void)? = nil) throws -> Run {
        let data = try Problem.rows()
        return try everything().fit(
            data, validation: data.prefix(20), epochs: 6, seed: seed,
            checkpoints: CheckpointPolicy(in: folder, everyEpochs: nil, everySteps: everySteps), observer: observer)
    }

    private func expectSame(_ got: Run, _ expected: Run, _ note: Comment) {
        #expect(differences(got.variables, expected.variables) == [], note)
        #expect(account(got) == account(expected), note)
        #expect(got.stepCount == expected.stepCount, note)
    }

    @Test(arguments: [1, 5, 7, 8, 13, 14, 20, 27, 28, 33])
    func `a run that is killed at a step goes on in another process to the same bits`(step: Int) async throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, step = step as Int] in
            Kernels.threadCount = Kernels.threadCount == 1 ? 2 : 1
            _ = try ResumeTests.resumed(URL(filePath: path), everySteps: 3) { event in
                if case .stepped(let run) = event, run.stepCount == step { kill(getpid(), SIGKILL) }
            }
        }
        var place: String?
        var first = -1
        let run = try Self.resumed(folder, everySteps: 3) { event in
            if case .started(let run, let from) = event { (place, first) = (from, run.stepCount) }
        }
        // Saved after steps 3, 6, 9, ...; the kill comes before the save of its own step.
        #expect(first == (step - 1) / 3 * 3)
        #expect((place == nil) == (first == 0))
        expectSame(run, try Self.unstopped(), "killed at step \(step)")
    }

    /// Microseconds from the first checkpoint to the kill: while it trains, and while it saves.
    @Test(arguments: [0, 300, 1100, 2700, 6100, 14_300] as [UInt32])
    func `a run that is killed at any moment goes on to the same bits`(delay: UInt32) async throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, delay = delay as UInt32] in
            let file = CheckpointPolicy(in: URL(filePath: path)).file.path
            Thread.detachNewThread {
                while !FileManager.default.fileExists(atPath: file) { usleep(20) }
                usleep(delay)
                kill(getpid(), SIGKILL)
            }
            // The end of the run waits for the kill.
            _ = try ResumeTests.resumed(URL(filePath: path), everySteps: 1)
            while true { usleep(100_000) }
        }
        var resumedFrom: String?
        let run = try Self.resumed(folder, everySteps: 1) { event in
            if case .started(_, let place) = event { resumedFrom = place }
        }
        #expect(resumedFrom != nil, "there must be a checkpoint for this test to show anything")
        expectSame(run, try Self.unstopped(), "killed \(delay) microseconds after the first checkpoint")
    }

    @Test func `a large net killed on one number of threads goes on with another to the same bits`() async throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.path
        await #expect(processExitsWith: .success) { [path = path as String] in
            let data = try Problem.rows(300, features: 200, classes: 10)
            let model = Sequential {
                Linear(256)
                ReLU()
                Linear(10)
            }
            let trainer = Trainer(
                model, loss: .crossEntropy, optimizer: RMSProp(learningRate: 1e-3, momentum: 0.5), batchSize: 128
            ) { Dropout(0.3) }
            Kernels.threadCount = 1
            let expected = try trainer.fit(data, epochs: 3, seed: 2)
            let policy = CheckpointPolicy(in: URL(filePath: path), everySteps: 1)
            for (steps, threads) in [(2, 3), (3, 1), (2, 2)] {
                Kernels.threadCount = threads
                let run = try trainer.start(data, epochs: 3, seed: 2, checkpoints: policy)
                for _ in 0..<steps { try run.step() }
            }
            let run = try trainer.fit(data, epochs: 3, seed: 2, checkpoints: policy)
            let wrong = differences(run.variables, expected.variables)
            try ensure(wrong.isEmpty && run.stepCount == 9, "\(run.stepCount) steps, \(wrong)")
        }
    }

    @Test func `a run that was cancelled in the middle of an epoch goes on to the same bits`() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let data = try Problem.rows()
        for last in [4, 9, 16, 24] {
            let cancellation = Cancellation()
            let run = try Self.everything().fit(
                data, validation: data.prefix(20), epochs: 6, seed: Self.seed,
                checkpoints: CheckpointPolicy(in: folder), cancellation: cancellation
            ) { event in
                if case .stepped(let run) = event, run.stepCount == last { cancellation.cancel() }
            }
            #expect(run.end == .cancelled)
            #expect(run.stepCount == last)
        }
        expectSame(try Self.resumed(folder, everySteps: nil), try Self.unstopped(), "cancelled four times")
    }

    @Test func `a run that was cancelled after an epoch gives its best and goes on from its last`() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let data = try Problem.rows()
        let trainer = Trainer(
            Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 1.5, momentum: 0.9), batchSize: 8
        ) { EarlyStopping(patience: 50) }
        func fit(epochs: Int, _ checkpoints: CheckpointPolicy?, _ cancellation: Cancellation? = nil) throws -> Run {
            try trainer.fit(
                data, validation: data.prefix(20), epochs: epochs, checkpoints: checkpoints, cancellation: cancellation
            ) { event in
                if case .stepped(let run) = event, run.stepCount == 21 { cancellation?.cancelAfterEpoch() }
            }
        }
        let policy = CheckpointPolicy(in: folder)
        let cancelled = try fit(epochs: 9, policy, Cancellation())
        #expect(cancelled.history.count == 3)
        let losses = cancelled.history.compactMap(\.validationLoss)
        let best = try #require(losses.min())
        #expect(losses.last != best, "the third epoch must not be the best for this test to show anything: \(losses)")
        #expect(try cancelled.evaluate(data.prefix(20)).loss == best, "the best epoch's variables are in place")
        expectSame(try fit(epochs: 9, policy), try fit(epochs: 9, nil), "cancelled after epoch 3 of 9")
    }

    @Test func `what callbacks replace in the last epoch is part of what a longer run goes on from`() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let data = try Problem.rows()
        let trainer = Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: Adam(), batchSize: 8) {
            CallbackProbe(name: "shrink") { _, context in
                .replace(context.variables.mapParameters { $0.value * 0.5 })
            }
            CallbackProbe(name: "zero") { _, context in
                EpochDecision(finalVariables: context.variables.mapParameters { $0.value * 0 })
            }
        }
        let policy = CheckpointPolicy(in: folder)
        for epochs in [1, 3] {
            let run = try trainer.fit(data, epochs: epochs, checkpoints: policy)
            let again = try trainer.start(data, epochs: epochs, checkpoints: policy)
            for run in [run, again] {
                #expect(run.variables.parameters.allSatisfy { $0.value.scalars.allSatisfy { $0 == 0 } })
            }
        }
        expectSame(
            try trainer.fit(data, epochs: 4, checkpoints: policy), try trainer.fit(data, epochs: 4), "1, 3, 4 epochs")
        let last = try trainer.composing(Composition { trainer.composition.techniques[0] }).fit(data, epochs: 4)
        let longer = try trainer.start(data, epochs: 5, checkpoints: policy)
        #expect(differences(longer.variables, last.variables) == [])
    }

    @Test func `a finished run that is asked for more epochs goes on, and one that is asked for fewer stays`() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let data = try Problem.rows()
        let trainer = Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: Adam(), batchSize: 8) { Dropout(0.3) }
        let policy = CheckpointPolicy(in: folder)
        _ = try trainer.fit(data, epochs: 2, seed: 1, checkpoints: policy)
        let more = try trainer.fit(data, epochs: 5, seed: 1, checkpoints: policy)
        let expected = try trainer.fit(data, epochs: 5, seed: 1)
        expectSame(more, expected, "two epochs, then three more")
        let fewer = try trainer.fit(data, epochs: 3, seed: 1, checkpoints: policy)
        #expect(fewer.history.count == 5)
        #expect(fewer.stepCount == 35)
        #expect(differences(fewer.variables, expected.variables) == [])
    }

    @Test func `a run that a technique ended stays ended, with its reason and its best variables`() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let data = try Problem.rows()
        // No epoch is better by 10 than the first.
        let trainer = Self.everything(patience: 2, minDelta: 10)
        func fit(_ checkpoints: CheckpointPolicy?) throws -> Run {
            try trainer.fit(data, validation: data.prefix(20), epochs: 6, seed: Self.seed, checkpoints: checkpoints)
        }
        let expected = try fit(nil)
        #expect(expected.history.count == 3)
        #expect(expected.end?.description.hasPrefix("EarlyStopping: no better validationLoss for 2 epochs") == true)
        #expect(try expected.evaluate(data.prefix(20)).loss == expected.history[0].validationLoss)
        _ = try fit(CheckpointPolicy(in: folder))
        expectSame(try fit(CheckpointPolicy(in: folder)), expected, "ended by EarlyStopping")
    }

    @Test func `saving after every so many steps does not leave out the last step of an epoch`() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let data = try Problem.rows()
        let trainer = Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: Adam(), batchSize: 8)
        let policy = CheckpointPolicy(in: folder, everyEpochs: nil, everySteps: 7)
        let run = try trainer.start(data, epochs: 3, checkpoints: policy)
        for _ in 0..<9 { try run.step() }
        let resumed = try trainer.start(data, epochs: 3, checkpoints: policy)
        #expect(resumed.stepCount == 7)
        #expect(resumed.history.count == 1)
    }

    @Test func `a checkpoint that is not asked for is not read, and is replaced`() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let data = try Problem.rows()
        let trainer = Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: Adam(), batchSize: 8)
        _ = try trainer.fit(data, epochs: 2, seed: 1, checkpoints: CheckpointPolicy(in: folder))
        let anew = try trainer.fit(data, epochs: 1, seed: 9, checkpoints: CheckpointPolicy(in: folder, resuming: false))
        #expect(anew.history.count == 1)
        let again = try trainer.start(data, epochs: 1, seed: 9, checkpoints: CheckpointPolicy(in: folder))
        expectSame(again, anew, "the second run took the first one's place")
    }
}
