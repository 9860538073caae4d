import Ballast
import BallastPlugins
import Foundation
import Synchronization
import Testing

/// Runs of a comparison side by side come out as one after the other.
struct SideBySideTests {
    /// Where runs wait for each other at the end of their first epoch, for at most half a minute.
    private final class Meeting: Sendable {
        private let arrived = Mutex(0)
        private let wanted: Int
        init(of wanted: Int) { self.wanted = wanted }

        /// Whether all have come.
        func attend() -> Bool {
            arrived.withLock { $0 += 1 }
            let deadline = ContinuousClock.now + .seconds(30)
            while arrived.withLock({ $0 }) < wanted {
                guard ContinuousClock.now < deadline else { return false }
                Thread.sleep(forTimeInterval: 0.001)
            }
            return true
        }
    }

    /// A technique that does something after the first epoch.
    private func afterFirstEpoch(_ body: @escaping @Sendable () -> Void) -> Composition {
        Composition {
            CallbackProbe(name: "first") { record, _ in
                if record.epoch == 0 { body() }
                return .continue
            }
        }
    }

    private let trainer = Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: Adam(), batchSize: 8)

    @Test(arguments: [2, 3, 64])
    func `results are those of runs one after the other, in the same order`(runsAtOnce: Int) throws {
        let data = try Problem.rows()
        let comparison = Comparison(
            trainer,
            [
                // The first takes longest: it does not end first.
                ("slow", afterFirstEpoch { Thread.sleep(forTimeInterval: 0.03) }),
                ("everything", ResumeTests.everything().composition), ("none", Composition()),
            ])
        func run(_ runsAtOnce: Int) throws -> (results: [ComparedRun], finished: [String], events: [String: [String]]) {
            var finished: [String] = []
            var events: [String: [String]] = [:]
            let results = try comparison.run(
                train: data, validation: data.prefix(20), test: data, epochs: 3, seeds: [4, 5], runsAtOnce: runsAtOnce,
                observer: { name, seed, event in
                    if case .epochEnded(_, let record) = event {
                        events["\(name) \(seed)", default: []].append("\(record.epoch) \(record.trainLoss)")
                    }
                }, finished: { finished.append("\($0.composition) \($0.seed)") })
            return (results, finished, events)
        }
        let (expected, got) = (try run(1), try run(runsAtOnce))
        #expect(got.finished == ["slow 4", "everything 4", "none 4", "slow 5", "everything 5", "none 5"])
        #expect(got.finished == expected.finished && got.events == expected.events)
        for (one, other) in zip(got.results, expected.results) {
            #expect(differences(one.run.variables, other.run.variables) == [])
            #expect(account(one.run) == account(other.run))
            #expect(one.test == other.test && one.composition == other.composition && one.seed == other.seed)
        }
        #expect(got.results.allSatisfy { $0.runsAtOnce == min(runsAtOnce, 6) })
    }

    @Test func `as many go on at once as are wanted, each with its part of the threads`() throws {
        let meeting = Meeting(of: 2)
        let seen = Mutex<(threads: [Int], met: [Bool])>(([], []))
        let comparison = Comparison(
            trainer,
            [
                (
                    "meets",
                    afterFirstEpoch {
                        let met = meeting.attend()
                        seen.withLock {
                            $0.threads.append(Kernels.threadCount)
                            $0.met.append(met)
                        }
                    }
                )
            ])
        let before = Kernels.threadCount
        defer { Kernels.threadCount = before }
        Kernels.threadCount = 6
        var (going, most) = (0, 0)
        let results = try comparison.run(
            train: try Problem.rows(), epochs: 1, seeds: [1, 2, 3, 4], runsAtOnce: 2,
            observer: { _, _, event in
                switch event {
                case .started: going += 1
                case .epochEnded: going -= 1
                default: break
                }
                most = max(most, going)
            })
        #expect(seen.withLock { $0.met } == [true, true, true, true])
        #expect(seen.withLock { $0.threads } == [3, 3, 3, 3])
        #expect(most == 2)
        #expect(results.map(\.threads) == [3, 3, 3, 3])
        #expect(Kernels.threadCount == 6, "the caller keeps its own")
    }

    @Test func `a run that fails is named, and ends the others with everything saved`() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let data = try Problem.rows()
        let meeting = Meeting(of: 2)
        let broken = Composition {
            TransformProbe(name: "poison") { gradients, context, _ in
                guard context.epoch == 1 else { return }
                gradients[0] = gradients[0] * .nan
            }
            CallbackProbe(name: "meet") { record, _ in
                _ = record.epoch == 0 && meeting.attend()
                return .continue
            }
        }
        let endless = afterFirstEpoch { _ = meeting.attend() }
        let cancellation = Cancellation()
        var finished: [String] = []
        let error = #expect(throws: ComparisonError.self) {
            try Comparison(trainer, [("endless", endless), ("broken", broken)]).run(
                train: data, epochs: 1_000_000, seeds: [7], runsAtOnce: 2,
                checkpoints: { CheckpointPolicy(in: folder.appending(path: "\($0)-\($1)"), everyEpochs: nil) },
                cancellation: cancellation, finished: { finished.append($0.composition) })
        }
        #expect(error?.composition == "broken" && error?.seed == 7)
        #expect(error?.underlying is TrainingError)
        #expect(error.map { "\($0)" }?.hasPrefix("broken, seed 7: ") == true, "\(String(describing: error))")
        #expect(finished == [], "what was cut short is not a result")
        #expect(!cancellation.isCancelledAfterEpoch, "the caller's switch is the caller's")
        let saved = try trainer.composing(endless).start(
            data, epochs: 1_000_000, seed: 7, checkpoints: CheckpointPolicy(in: folder.appending(path: "endless-7")))
        #expect(saved.stepCount >= saved.stepsPerEpoch)

        // What ended before the failure was handed over.
        #expect(throws: ComparisonError.self) {
            try Comparison(trainer, [("none", Composition()), ("broken", broken)]).run(
                train: data, epochs: 2, finished: { finished.append($0.composition) })
        }
        #expect(finished == ["none"])
    }

    @Test func `a cancellation ends all that go on after their epoch, and lets no other begin`() throws {
        let data = try Problem.rows()
        let cancellation = Cancellation()
        let meeting = Meeting(of: 2)
        let comparison = Comparison(
            trainer,
            [
                (
                    "endless",
                    afterFirstEpoch {
                        _ = meeting.attend()
                        cancellation.cancelAfterEpoch()
                    }
                )
            ])
        let results = try comparison.run(
            train: data, epochs: 1_000_000, seeds: [1, 2, 3, 4], runsAtOnce: 2, cancellation: cancellation)
        #expect(results.map(\.seed) == [1, 2])
        #expect(results.allSatisfy { $0.run.isCancelled && (1...2).contains($0.run.history.count) })
    }

    @Test func `training data is evaluated after each epoch where that is wanted, and it changes nothing`() throws {
        let data = try Problem.rows()
        let (held, train) = data.split(0.4)
        func fit(_ evaluatesTraining: Bool) throws -> Run {
            try Trainer(
                Problem.perceptron, loss: .crossEntropy, optimizer: Adam(learningRate: 0.03),
                evaluatesTraining: evaluatesTraining, batchSize: 8, composition: Composition { Dropout(0.3) }
            ).fit(train, validation: held, epochs: 2, seed: 1)
        }
        let (with, without) = (try fit(true), try fit(false))
        #expect(differences(with.variables, without.variables) == [])
        #expect(account(with) == account(without))
        #expect(with.history.last?.trainEvaluation == (try with.evaluate(train)))
        #expect(without.history.allSatisfy { $0.trainEvaluation == nil })
        #expect(with.report.contains("train accuracy") && !without.report.contains("train accuracy"))
    }
}
