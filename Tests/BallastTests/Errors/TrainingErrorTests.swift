import Ballast
import BallastPlugins
import Foundation
import Testing

/// A loss or gradient that is no longer finite stops the run, says where it comes from, and keeps the last good state.
struct TrainingErrorTests {
    /// Lets everything be until a step, and then makes of a tensor what is not finite.
    private static func spoil(_ name: String, at site: Site, step: Int, by value: Float = .infinity) -> WrapperProbe {
        WrapperProbe(
            name: name, sites: [site],
            call: { call, context, _ in
                let x = call.next()
                return context.isTraining && context.globalStep == step ? x * value : x
            })
    }

    private func trainer(_ techniques: [any Technique], optimizer: any Optimizer = Adam(learningRate: 0.01)) -> Trainer
    {
        Trainer(
            Problem.perceptron, loss: .crossEntropy, optimizer: optimizer, batchSize: 8, silencing: ["adaptive-l2"],
            composition: Composition([Tracker(), L2(0.01)] + techniques))
    }

    /// The run with nothing spoilt, after a number of steps.
    private func good(_ steps: Int, _ harmless: [any Technique]) throws -> Run {
        let run = try trainer(harmless).start(Problem.rows(), epochs: 3, seed: 1)
        for _ in 0..<steps { try run.step() }
        return run
    }

    /// Runs into the error, and expects that the last good state is kept and saved, and that the run can go on from it.
    private func failure(
        _ bad: [any Technique], harmless: [any Technique], after steps: Int,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> String {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let data = try Problem.rows()
        let policy = CheckpointPolicy(in: folder)
        let run = try trainer(bad).start(data, epochs: 3, seed: 1, checkpoints: policy)
        let text = message(of: TrainingError.self, sourceLocation: sourceLocation) { try run.finish() }
        let expected = try good(steps, harmless)
        #expect(run.stepCount == steps, sourceLocation: sourceLocation)
        #expect(differences(run.variables, expected.variables) == [], sourceLocation: sourceLocation)
        #expect(run.isFinished, sourceLocation: sourceLocation)
        #expect(try !run.step(), "it does not go on by itself", sourceLocation: sourceLocation)
        _ = try run.evaluate(data)

        let resumed = try trainer(harmless).start(data, epochs: 3, seed: 1, checkpoints: policy)
        #expect(resumed.stepCount == steps, "the last good state is saved", sourceLocation: sourceLocation)
        try resumed.finish()
        try expected.finish()
        #expect(differences(resumed.variables, expected.variables) == [], sourceLocation: sourceLocation)
        #expect(account(resumed) == account(expected), sourceLocation: sourceLocation)
        expect(
            text, holds: "step \(steps) (epoch \(steps / 7))",
            sourceLocation: sourceLocation)
        return text
    }

    @Test(arguments: [0, 3, 7, 12])
    func `a loss that turns infinite names the step, the layer and the hook`(step: Int) throws {
        let text = try failure(
            [Self.spoil("spoil", at: .after("linear2"), step: step)],
            harmless: [Self.spoil("spoil", at: .after("linear2"), step: -1)], after: step)
        expect(
            text, holds: "what technique \"spoil\"", "(hook forwardWrapper)", ".after(\"linear2\")")
    }

    @Test func `a batch that a technique has spoilt is named`() throws {
        func spoil(_ step: Int, _ change: @escaping @Sendable (inout Batch) -> Void) -> BatchProbe {
            BatchProbe(
                name: "spoil",
                batch: { batch, context, _ in
                    var batch = batch
                    if context.globalStep == step { change(&batch) }
                    return batch
                })
        }
        let input = try failure(
            [spoil(2) { $0.input = $0.input * .infinity }], harmless: [spoil(-1) { _ in }], after: 2)
        expect(input, holds: "the batch's input", "hook forwardWrapper of technique \"spoil\"")
        let target = try failure(
            [spoil(2) { $0.target = $0.probabilities(classes: 3) * .nan }], harmless: [spoil(-1) { _ in }], after: 2)
        expect(target, holds: "the batch's target", "hook forwardWrapper of technique \"spoil\"")
    }

    @Test func `a penalty that turns infinite is named`() throws {
        struct Growing: LossPenalty {
            var limit: Int
            func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
                let sum = parameters.weights.sumOfSquares(scale: 1e-3)
                return context.globalStep == limit ? sum * Float.infinity : sum
            }
        }
        let text = try failure([Growing(limit: 5)], harmless: [Growing(limit: -1)], after: 5)
        expect(text, holds: "the penalty of \"Growing\" (hook lossPenalty) is inf")
    }

    @Test func `a gradient that is not finite while the loss is names the parameter and the penalty`() throws {
        /// ‖x‖ has no gradient at 0.
        struct Norm: LossPenalty {
            var isOn: Bool
            var parameters: ParameterSelector { .all }
            func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
                guard isOn, context.globalStep == 4 else { return Tensor(0) }
                let bias = parameters.matching(.named("linear2.bias"))
                return bias.reduce(Tensor(0)) { $0 + ($1.value * 0).squared().sum().squareRoot() }
            }
        }
        let text = try failure([Norm(isOn: true)], harmless: [Norm(isOn: false)], after: 4)
        expect(
            text, holds: "the gradient of \"linear2.bias\" is not finite", "penalty of \"Norm\" (hook lossPenalty)")
    }

    @Test func `a gradient that is not finite while the loss is names the data's loss`() throws {
        func root(_ step: Int) -> WrapperProbe {
            WrapperProbe(
                name: "root", sites: [.after("relu2")],
                call: { call, context, _ in
                    let x = call.next()
                    // The square root of what rectifiers have made 0.
                    return context.isTraining && context.globalStep == step ? x + (x * 0).squareRoot() : x
                })
        }
        let text = try failure([root(3)], harmless: [root(-1)], after: 3)
        expect(text, holds: "forwardWrapper")
    }

    @Test(arguments: [GradientStage.gradient, .update])
    func `a transform that makes what is not finite is named`(stage: GradientStage) throws {
        func divide(_ step: Int) -> TransformProbe {
            TransformProbe(name: "divide", stage: stage, parameters: .named("linear1.bias")) { gradients, context, _ in
                if context.globalStep == step { gradients.transform { g, _ in g / 0 } }
            }
        }
        let run = try trainer([divide(3)]).start(Problem.rows(), epochs: 1, seed: 1)
        let text = message(of: TrainingError.self) { try run.finish() }
        expect(
            text, holds: "step 3 (epoch 0)",
            stage == .gradient ? "the gradient of \"linear1.bias\"" : "the update of \"linear1.bias\"",
            "hook gradientTransform", "divide")
        #expect(differences(run.variables, try good(3, [divide(-1)]).variables) == [])
    }

    /// A change of factors, by name.
    struct FactorChange: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let apply: @Sendable (inout Gradients) -> Void

        static let all = [
            FactorChange(testDescription: "a bound over a norm of 0") {
                $0.scale(by: 1 / 0)
            },
            FactorChange(testDescription: "0 over 0") { $0.scale(by: .nan) },
            FactorChange(testDescription: "a decay that is no number") {
                $0.addParameters(times: .nan)
            },
        ]
    }

    @Test(arguments: [GradientStage.gradient, .update], FactorChange.all)
    func `a factor that is not finite is found before anything moves`(
        stage: GradientStage, change: FactorChange
    ) throws {
        try fails(
            at: 3, resumesAt: 3, [], TransformProbe(name: "spoil", stage: stage, parameters: .named("linear1.bias"))
        ) { gradients in
            change.apply(&gradients)
        }
    }

    /// Where updates were looked at, the optimizer has made the step: what is saved then is of the step before.
    @Test func `a run whose optimizer is ahead is not saved, and resumes from the checkpoint before`() throws {
        let spoil = TransformProbe(name: "spoil", stage: .update, parameters: .named("linear1.bias"))
        try fails(at: 3, resumesAt: 2, [], spoil) { $0.transform { g, _ in g / 0 } }
        for change in FactorChange.all {
            try fails(at: 3, resumesAt: 2, [Tracker()], spoil) { change.apply(&$0) }
        }
    }

    /// Runs into the error of a transform at a step, and expects that what was saved goes on exactly without it.
    private func fails(
        at step: Int, resumesAt saved: Int, _ techniques: [any Technique], _ spoil: TransformProbe,
        by change: @escaping @Sendable (inout Gradients) -> Void, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        func trainer(_ step: Int) -> Trainer {
            var spoil = spoil
            spoil.body = { gradients, context, _ in if context.globalStep == step { change(&gradients) } }
            return Trainer(
                Problem.perceptron, loss: .crossEntropy, optimizer: Adam(learningRate: 0.01), batchSize: 8,
                silencing: ["adaptive-l2"], composition: Composition([L2(0.01)] + techniques + [spoil]))
        }
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let (data, policy) = (try Problem.rows(), CheckpointPolicy(in: folder, everySteps: 2))
        var notes: [String] = []
        let run = try trainer(step).start(data, epochs: 2, seed: 1, checkpoints: policy) { event in
            if case .noted(let note) = event { notes.append(note) }
        }
        let text = message(of: TrainingError.self, sourceLocation: sourceLocation) { try run.finish() }
        expect(
            text, holds: "step \(step) (epoch 0)", "of \"linear1.bias\" is not finite", "hook gradientTransform",
            "spoil",
            sourceLocation: sourceLocation)
        #expect(notes.count == (saved < step ? 1 : 0), "\(notes)", sourceLocation: sourceLocation)

        let expected = try trainer(-1).start(data, epochs: 2, seed: 1)
        for _ in 0..<step { try expected.step() }
        #expect(differences(run.variables, expected.variables) == [], sourceLocation: sourceLocation)
        let resumed = try trainer(-1).start(data, epochs: 2, seed: 1, checkpoints: policy)
        #expect(resumed.stepCount == saved, sourceLocation: sourceLocation)
        try resumed.finish()
        try expected.finish()
        #expect(differences(resumed.variables, expected.variables) == [], sourceLocation: sourceLocation)
        #expect(account(resumed) == account(expected), sourceLocation: sourceLocation)
    }

    @Test func `a learning rate that is far too high stops the run and leaves finite parameters`() throws {
        let data = try Problem.rows()
        let run = try Trainer(
            Problem.perceptron, loss: .meanSquaredProbabilities, optimizer: SGD(learningRate: 1e12), batchSize: 8
        ).start(data, epochs: 50)
        let text = message(of: TrainingError.self) { try run.finish() }
        expect(text, holds: "step ")
        #expect(run.variables.entries.allSatisfy { $0.value.scalars.allSatisfy(\.isFinite) })
    }
}

extension Loss {
    /// Squares that overflow soon: (output − 1)² over all classes.
    fileprivate static let meanSquaredProbabilities = Loss("squares", target: .classes) { output, _ in
        (output - 1).squared().mean()
    }
}
