import Ballast
import BallastPlugins
import Testing

/// What gradient transforms may ask for and keep, without changing what they do not return.
struct GradientHookTests {
    private func fit(_ optimizer: any Optimizer, _ techniques: [any Technique], epochs: Int = 2) throws -> Run {
        let data = try Problem.rows()
        return try Trainer(
            Problem.perceptron, loss: .crossEntropy, optimizer: optimizer, batchSize: 8, silencing: ["adaptive-l2"],
            composition: Composition(techniques)
        ).fit(data, epochs: epochs, seed: 2)
    }

    private static let noisy: [any Technique] = [
        Dropout(0.3), Tracker(), L2(0.05), PenaltyProbe(name: "sum", strength: 0.01),
    ]

    @Test(arguments: [1, 2, 3, 5])
    func `update transforms that add nothing leave the bits unchanged`(optimizer index: Int) throws {
        let optimizer = BareTests.optimizers[index]
        let bare = try fit(optimizer, [])
        let changes: [String: @Sendable (inout Gradients, GradientContext, Log) -> Void] = [
            "none": { _, _, _ in },
            "zero": { updates, _, _ in updates.addParameters(times: 0) },
            "look": { updates, _, _ in _ = updates.norm() },
            "rewrite": { updates, _, _ in for position in 0..<updates.count { updates[position] = updates[position] } },
            "scale": { updates, _, _ in updates.scale(by: 1) },
        ]
        for (name, body) in changes {
            for stage in GradientStage.allCases {
                let run = try fit(optimizer, [TransformProbe(name: name, stage: stage, body: body)])
                #expect(differences(run.variables, bare.variables) == [], "\(name) at \(stage) under \(optimizer)")
            }
        }
    }

    @Test(arguments: [1, 3, 5])
    func `an optimizer keeps its own account of gradients whose updates are all replaced`(optimizer index: Int) throws {
        let optimizer = BareTests.optimizers[index]
        func replaced(_ isSeen: Bool) throws -> Run {
            let replace = TransformProbe(name: "replace", stage: .update) { updates, context, _ in
                if isSeen { _ = updates.norm() }
                // Every other step is the optimizer's own.
                guard context.step % 2 == 0 else { return }
                for index in 0..<updates.count { updates[index] = updates.parameter(index) * -0.01 }
            }
            return try fit(optimizer, [replace])
        }
        #expect(differences(try replaced(false).variables, try replaced(true).variables) == [])
    }

    @Test func `gradients at the same values are the same gradients`() throws {
        let log = Log()
        let again = TransformProbe(name: "again", log: log) { gradients, context, log in
            let other = context.gradients(at: (0..<gradients.count).map { gradients.parameter($0) })
            for position in 0..<gradients.count {
                if let wrong = difference(other[position], gradients[position], gradients.path(position)) {
                    log.add("step \(context.globalStep), \(wrong)")
                }
            }
            gradients = other
        }
        let expected = try fit(SGD(learningRate: 0.1, momentum: 0.9), Self.noisy)
        let run = try fit(SGD(learningRate: 0.1, momentum: 0.9), Self.noisy + [again])
        #expect(log.all.filter { $0 != "again gradient" } == [])
        #expect(log.all.count == 14)
        #expect(differences(run.variables, expected.variables) == [])
        #expect(run.history.map(\.trainLoss) == expected.history.map(\.trainLoss))
        #expect(run.history.map(\.penalties) == expected.history.map(\.penalties), "penalties are not counted twice")
    }

    @Test(arguments: GradientStage.allCases)
    func `asking for gradients elsewhere leaves values, statistics and accounts alone`(stage: GradientStage) throws {
        let log = Log()
        let elsewhere = TransformProbe(name: "elsewhere", stage: stage, log: log) { gradients, context, log in
            let before = (0..<gradients.count).map { gradients.parameter($0).detached }
            let other = context.gradients(at: before.map { $0 + 0.1 })
            if stage == .gradient, difference(other[0], gradients[0], "") == nil { log.add("the same elsewhere") }
            for position in before.indices {
                if let wrong = difference(gradients.parameter(position), before[position], gradients.path(position)) {
                    log.add(wrong)
                }
            }
        }
        let expected = try fit(Adam(), Self.noisy)
        let run = try fit(Adam(), Self.noisy + [elsewhere])
        #expect(log.all.filter { $0 != "elsewhere \(stage)" } == [])
        #expect(differences(run.variables, expected.variables) == [])
        #expect(run.history.map(\.penalties) == expected.history.map(\.penalties))
    }

    @Test func `an objective that is not finite elsewhere does not pass for a gradient of zero`() throws {
        let log = Log()
        let far = TransformProbe(name: "far", log: log) { gradients, context, log in
            let other = context.gradients(at: (0..<gradients.count).map { gradients.parameter($0) * 1e30 })
            log.add(other[0].scalars.contains { !$0.isFinite } ? "not finite" : "finite")
        }
        let run = try fit(
            SGD(learningRate: 0.1), [far, PenaltyProbe(name: "watch", log: log, observes: ["relu1"])], epochs: 1)
        #expect(Set(log.all) == ["far gradient", "not finite", "watch penalty", "watch sees relu1"])
        #expect(run.stepCount == 7, "the transform did not use them, so the run goes on")
    }

    @Test(arguments: [GradientStage.gradient, .update])
    func `a value that a transform keeps is the one it saw, not what training makes of it later`(stage: GradientStage)
        throws
    {
        struct Keeper: GradientTransform {
            let stage: GradientStage
            let log: Log
            func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
                let kept = context.scope.state("kept", gradients.parameter(0).shape, initial: .zeros)
                kept.value = gradients.parameter(0)
                log.add("\(kept.value.scalars)")
                return gradients
            }
        }
        let log = Log()
        let run = try Trainer(
            Problem.perceptron, loss: .crossEntropy, optimizer: Adam(learningRate: 0.1), batchSize: 8
        ) { Keeper(stage: stage, log: log) }.start(Problem.rows(), epochs: 1)
        for step in 0..<3 {
            let before = try #require(run.variables["linear1.weight"]?.scalars)
            try run.step()
            #expect(log.all.last == "\(before)", "step \(step): what the transform saw")
            #expect(run.variables["Keeper/kept"]?.scalars == before, "step \(step): what it kept")
            #expect(run.variables["linear1.weight"]?.scalars != before)
        }
    }

    @Test func `a copy of the variables stays what it was while training goes on`() throws {
        let run = try Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: Adam(), batchSize: 8)
            .start(Problem.rows(), epochs: 1)
        let copy = run.variables
        let before = digest(copy)
        try run.finish()
        #expect(digest(copy) == before)
        #expect(digest(run.variables) != before)
    }
}
