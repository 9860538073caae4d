import Ballast
import Foundation
import Testing

/// What callbacks decide, and that what they change for a validation is undone after it.
struct CallbackTests {
    private func fit(
        epochs: Int = 3, checkpoints: CheckpointPolicy? = nil, cancellation: Cancellation? = nil,
        @CompositionBuilder _ techniques: () -> [any Technique] = { [] }
    ) throws -> Run {
        let data = try Problem.rows()
        return try Trainer(
            Problem.perceptron, loss: .crossEntropy, optimizer: Adam(learningRate: 0.01), batchSize: 8, techniques
        ).fit(
            data, validation: data.prefix(20), epochs: epochs, seed: 2, checkpoints: checkpoints,
            cancellation: cancellation)
    }

    /// Sets all parameters to 0 for the validation, so that its loss is log 3.
    private static func zeros(_ log: Log = Log(), then action: @escaping @Sendable () -> Void = {}) -> CallbackProbe {
        CallbackProbe(
            name: "zeros", log: log,
            validating: { context in
                action()
                return context.variables.mapParameters { Tensor.zeros($0.value.shape) }
            })
    }

    @Test func `variables that are replaced for a validation are measured, and the run's own are trained`() throws {
        let bare = try fit()
        let swapped = try fit { Self.zeros() }
        #expect(swapped.variables.parameters.allSatisfy { $0.value.scalars.allSatisfy { $0 == 0 } }, "as validated")
        #expect(swapped.history.map(\.trainLoss) == bare.history.map(\.trainLoss))
        for record in swapped.history { #expect(abs((record.validationLoss ?? 0) - log(3)) < 1e-6) }
        #expect(bare.history.allSatisfy { abs(($0.validationLoss ?? 0) - log(3)) > 1e-3 })
    }

    @Test func `a run that is cancelled while it validates ends after the epoch, with what was validated`() throws {
        let cancellation = Cancellation()
        let run = try fit(cancellation: cancellation) { Self.zeros(then: { cancellation.cancel() }) }
        #expect(run.end == .cancelled)
        #expect(run.history.count == 1)
        #expect(run.variables.parameters.allSatisfy { $0.value.scalars.allSatisfy { $0 == 0 } })
    }

    @Test func `a run that cannot be saved after a validation says so, has its own variables, and continues`() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let (taken, notes) = (folder.appending(path: "taken"), Log())
        let data = try Problem.rows()
        let trainer = Trainer(
            Problem.perceptron, loss: .crossEntropy, optimizer: Adam(learningRate: 0.01), batchSize: 8
        ) { Self.zeros() }
        let run = try trainer.start(
            data, validation: data.prefix(20), epochs: 3, seed: 2, checkpoints: CheckpointPolicy(in: taken)
        ) { event in
            if case .noted(let note) = event { notes.add(note) }
        }
        for _ in 0..<6 { try run.step() }
        try FileManager.default.removeItem(at: taken)
        try Data().write(to: taken)
        try run.step()
        #expect(notes.all.count == 1 && notes.all[0].contains("cannot be saved"))
        #expect(differences(run.variables, try fit(epochs: 1).variables) == [])
        try FileManager.default.removeItem(at: taken)
        try run.finish()
        #expect(notes.all.count == 1)
        #expect(run.history.map(\.trainLoss) == (try fit().history.map(\.trainLoss)))
    }

    @Test func `all callbacks are called after one has decided to stop, and the first reason counts`() throws {
        let log = Log()
        let run = try fit {
            CallbackProbe(name: "a", log: log)
            CallbackProbe(name: "b", log: log) { epoch, _ in epoch.epoch == 1 ? .stop("enough") : .continue }
            CallbackProbe(name: "c", log: log) { epoch, _ in epoch.epoch == 1 ? .stop("enough for me") : .continue }
        }
        #expect(log.all == ["a ended", "b ended", "c ended", "a ended", "b ended", "c ended"])
        #expect(run.end == .stopped(by: "b", reason: "enough"))
        #expect(run.history.count == 2)
    }

    @Test func `a learning rate that callbacks scale holds for all that follows, on top of the schedule`() throws {
        let log = Log()
        let data = try Problem.rows()
        let run = try Trainer(
            Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.5),
            schedule: .step(every: 2, by: 0.1), batchSize: 60
        ) {
            CallbackProbe(name: "half") { epoch, _ in epoch.epoch < 2 ? .scaleLearningRate(by: 0.5) : .continue }
            TransformProbe(name: "look", log: log) { _, context, log in
                log.add("\(context.learningRate) \(context.scheduleFactor)")
            }
        }.fit(data, epochs: 4)
        #expect(log.all.filter { $0 != "look gradient" } == ["0.5 1.0", "0.25 0.5", "0.0125 0.025", "0.0125 0.025"])
        #expect(run.history.map { Float($0.learningRate) } == [0.5, 0.25, 0.0125, 0.0125])
    }

    @Test func `variables that a callback returns are those that training goes on with`() throws {
        let data = try Problem.rows()
        let log = Log()
        let run = try Trainer(
            Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0), batchSize: 60
        ) {
            CallbackProbe(name: "ones") { epoch, context in
                epoch.epoch == 0 ? .replace(context.variables.mapParameters { Tensor.ones($0.value.shape) }) : .continue
            }
            CallbackProbe(name: "look", log: log) { _, context in
                log.add("\(context.variables["linear1.bias"]?.scalars.first ?? .nan)")
                return .continue
            }
        }.fit(data, epochs: 2)
        #expect(log.all == ["look ended", "1.0", "look ended", "1.0"])
        #expect(run.variables.parameters.allSatisfy { $0.value.scalars.allSatisfy { $0 == 1 } })
    }
}
