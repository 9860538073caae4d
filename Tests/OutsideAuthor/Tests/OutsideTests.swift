import Ballast
import BallastTesting
import Foundation
import OutsideTechniques
import Testing

struct OutsideTests {
    @Test func `gradient noise keeps the laws`() {
        let violations = Laws.check(
            GradientNoise(), neutral: GradientNoise(0), renamed: { GradientNoise(named: $0) })
        #expect(violations.isEmpty, "\(violations)")
    }

    @Test func `DropConnect keeps the laws`() {
        let violations = Laws.check(
            DropConnect(0.3), neutral: DropConnect(0), renamed: { DropConnect(0.3, named: $0) })
        #expect(violations.isEmpty, "\(violations)")
    }

    @Test func `the confidence penalty keeps the laws`() {
        let violations = Laws.check(
            ConfidencePenalty(), neutral: ConfidencePenalty(0), renamed: { ConfidencePenalty(named: $0) })
        #expect(violations.isEmpty, "\(violations)")
    }

    @Test func `an outsider's own rule is found beside the built-in ones, and silenced like them`() throws {
        func diagnostics(from start: Int, silencing: Set<String> = []) throws -> [Diagnostic] {
            try Trainer(
                Scene.perceptron.model, loss: .crossEntropy, optimizer: Adam(), silencing: silencing
            ) {
                StochasticWeightAveraging(from: 0, named: "early")
                StochasticWeightAveraging(from: start)
            }.start(Scene.perceptron.data, epochs: 5).diagnostics
        }
        #expect(try diagnostics(from: 5).map(\.identifier) == ["two-averages", "average-of-nothing"])
        #expect(try diagnostics(from: 4).map(\.identifier) == ["two-averages"])
        #expect(try diagnostics(from: 5, silencing: ["two-averages", "average-of-nothing"]).isEmpty)
        let text = try #require(try diagnostics(from: 5).last).description
        #expect(text.hasPrefix("warning [average-of-nothing] StochasticWeightAveraging: begins at epoch 5"), "\(text)")
        for line in ["why: ", "see: Izmailov", "fix: begin earlier", "silence: silencing: [\"average-of-nothing\"]"] {
            #expect(text.contains(line), "\(text)")
        }
    }

    private var trainer: Trainer {
        Scene.perceptron.trainer {
            ConfidencePenalty(0.1)
            GradientNoise(0.01)
            DropConnect(0.3)
            StochasticWeightAveraging(from: 1)
        }
    }

    @Test func `all four resume exactly, together and in mid-epoch`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "outside-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let (data, held) = (Scene.perceptron.data, Scene.perceptron.validation)
        let policy = CheckpointPolicy(in: folder, everySteps: 1)
        let expected = try trainer.fit(data, validation: held, epochs: 4, seed: 5)
        let stopped = try trainer.start(data, validation: held, epochs: 4, seed: 5, checkpoints: policy)
        for _ in 0..<8 { try stopped.step() }
        let run = try trainer.fit(data, validation: held, epochs: 4, seed: 5, checkpoints: policy)
        #expect(stopped.epoch == 2 && run.stepCount == 12)
        for (got, wanted) in zip(run.variables.entries, expected.variables.entries) {
            #expect(got.path == wanted.path && got.value.scalars == wanted.value.scalars, "\(wanted.path)")
        }
        #expect(run.history.map(\.validationLoss) == expected.history.map(\.validationLoss))
        #expect(run.history.map(\.penalties) == expected.history.map(\.penalties))
    }

    @Test func `nine that use each hook, and each kind of further pass, resume exactly`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "outside-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let trainer = Scene.residual.trainer {
            LabelSmoothing(0.1)
            AdversarialTraining(0.01)
            SpectralNorm()
            StochasticDepth(0.3)
            CenterLoss(0.01)
            InputGradientPenalty(0.01)
            GradientNoise(0.01)
            MaxNorm(0.5)
            ExponentialAverage(0.9)
        }
        let (data, held) = (Scene.residual.data, Scene.residual.validation)
        let policy = CheckpointPolicy(in: folder, everySteps: 1)
        let expected = try trainer.fit(data, validation: held, epochs: 3, seed: 5)
        for steps in [2, 3] {
            let stopped = try trainer.start(data, validation: held, epochs: 3, seed: 5, checkpoints: policy)
            for _ in 0..<steps { try stopped.step() }
        }
        let run = try trainer.fit(data, validation: held, epochs: 3, seed: 5, checkpoints: policy)
        #expect(run.stepCount == 9 && run.variables.hasSameBits(as: expected.variables))
        #expect(run.history.map(\.validationLoss) == expected.history.map(\.validationLoss))
        #expect(run.history.map(\.penalties) == expected.history.map(\.penalties))
        // What is bounded is the run's own variables, of which the offered ones are an average.
        let weight = try #require(run.variables["conv1.weight"])
        #expect(weight.unitNorms(axis: 0).scalars.allSatisfy { $0 <= 0.5 * (1 + 1e-6) })
    }

    @Test func `they show in plans and reports like the built-in ones`() throws {
        let (data, held) = (Scene.perceptron.data, Scene.perceptron.validation)
        let plan = try trainer.plan(for: data, validation: held, epochs: 2)
        #expect(
            plan.entries.map(\.technique) == [
                "ConfidencePenalty", "GradientNoise", "DropConnect", "StochasticWeightAveraging",
            ])
        #expect(plan.description.contains("DropConnect(probability: 0.3"), "\(plan)")
        #expect(plan.entries[2].sites == ["around linear1", "around linear2", "around linear3"])
        let run = try trainer.fit(data, validation: held, epochs: 2)
        for words in ["ConfidencePenalty", "gradientTransform", "DropConnect"] {
            #expect(run.report.contains(words), "\(run.report)")
        }
    }
}
