import Ballast
import BallastPlugins
import Foundation
import Testing

/// Further pairs, one test for each.
struct MixedPairs {
    @Test func `training data is measured with the variables that are validated`() throws {
        let data = try Problem.rows()
        var trainer = PairedRun.trainer([MovingAverage(decay: 0.8), BatchNorm(), EarlyStopping(patience: 9)])
        trainer.evaluatesTraining = true
        trainer.silencedWarnings.insert("patience-longer-than-run")
        let run = try trainer.fit(data, validation: data, epochs: 3)
        for record in run.history { #expect(record.trainEvaluation?.loss == record.validationLoss) }
        #expect(try run.evaluate(data).loss == run.history.compactMap(\.validationLoss).min())
        let bare = try PairedRun.trainer([MovingAverage(decay: 0.8), BatchNorm()]).fit(
            data, validation: data, epochs: 3)
        #expect(bare.history.map(\.validationLoss) == run.history.map(\.validationLoss))
    }

    @Test(arguments: [1, 3]) func `a comparison that is cancelled resumes each of its runs`(runsAtOnce: Int) throws {
        let data = try Problem.rows()
        let features = Feature.all.filter { $0.trainer.shards == 1 && $0.trainer.groups.isEmpty }.prefix(6)
        let comparison = Comparison(PairedRun.trainer([]), features.map { ($0.name, $0.trainer.composition) })
        try PairedRun.inFolder { folder in
            func compare(_ checkpoints: Bool, _ cancellation: Cancellation? = nil, cancelAt step: Int = -1) throws
                -> [ComparedRun]
            {
                try comparison.run(
                    train: data, validation: data.prefix(20), epochs: 3, seeds: [1], runsAtOnce: runsAtOnce,
                    checkpoints: { name, _ in
                        checkpoints ? CheckpointPolicy(in: folder.appending(path: name), everyEpochs: nil) : nil
                    }, cancellation: cancellation,
                    observer: { _, _, event in
                        if case .stepped(let run) = event, run.stepCount == step { cancellation?.cancel() }
                    })
            }
            let expected = try compare(false)
            for step in [4, 11] { _ = try compare(true, Cancellation(), cancelAt: step) }
            let got = try compare(true)
            #expect(got.map(\.composition) == expected.map(\.composition))
            for (one, other) in zip(got, expected) {
                #expect(differences(one.run.variables, other.run.variables) == [], "\(one.composition)")
                #expect(account(one.run) == account(other.run), "\(one.composition)")
            }
        }
    }

    @Test func `variables that are replaced in the middle of a run are those that it resumes with`() throws {
        let data = try Problem.rows()
        let trainer = PairedRun.trainer([Dropout(0.2), MovingAverage(), Tracker()])
        func start(_ policy: CheckpointPolicy?) throws -> Run {
            try trainer.start(data, validation: data.prefix(20), epochs: 2, seed: 1, checkpoints: policy)
        }
        func halve(_ run: Run) throws {
            try run.replaceVariables(
                Variables(
                    entries: run.variables.parameters.prefix(2).map {
                        .init(path: $0.path, role: $0.role, value: $0.value * 0.5)
                    }))
        }
        let expected = try start(nil)
        for _ in 0..<3 { try expected.step() }
        try halve(expected)
        try expected.finish()
        try PairedRun.inFolder { folder in
            let policy = CheckpointPolicy(in: folder, everySteps: 4)
            let first = try start(policy)
            for _ in 0..<3 { try first.step() }
            try halve(first)
            try first.step()
            let resumed = try start(policy)
            #expect(resumed.stepCount == 4)
            try resumed.finish()
            #expect(differences(resumed.variables, expected.variables) == [])
        }
    }

    @Test func `variables that a callback gives in part leave the others`() throws {
        let part = CallbackProbe(
            name: "part",
            body: { epoch, context in
                let entries = context.variables.parameters.filter { $0.path == "linear3.bias" }
                return EpochDecision(
                    variables: Variables(
                        entries: entries.map { .init(path: $0.path, role: $0.role, value: .ones([3])) }))
            },
            validating: { context in
                let entries = context.variables.parameters.filter { $0.path == "linear3.weight" }
                return Variables(entries: entries.map { .init(path: $0.path, role: $0.role, value: .zeros([8, 3])) })
            })
        let run = try PairedRun.fit(PairedRun.trainer([part], optimizer: SGD(learningRate: 0)), epochs: 2)
        let start = try PairedRun.fit(PairedRun.trainer([part], optimizer: SGD(learningRate: 0)), epochs: 0)
        #expect(run.variables["linear3.weight"]?.scalars.allSatisfy { $0 == 0 } == true)
        #expect(run.variables["linear1.weight"]?.scalars == start.variables["linear1.weight"]?.scalars)
        // The second epoch validated the bias that the first one had replaced.
        #expect(run.variables["linear3.bias"]?.scalars == [1, 1, 1])
        #expect(abs((run.history[1].validationLoss ?? 0) - log(3)) < 1e-6)
    }

    @Test func `a model is loaded by a trainer with shards, groups and another optimizer`() throws {
        try PairedRun.inFolder { folder in
            let url = folder.appending(path: "model.safetensors")
            let run = try PairedRun.fit(
                PairedRun.trainer([BatchNorm()], shards: 2, groups: [.frozen(.named("linear1"))]))
            try run.saveModel(to: url)
            let input = Tensor.ones([2, 10])
            let expected = try run.predict(input).scalars
            for groups in [[], [.frozen(.all)], [.frozen(.named("nothing"))]] as [[ParameterGroup]] {
                let model = try PairedRun.trainer([BatchNorm()], optimizer: OwnAdam(), shards: 4, groups: groups)
                    .loadModel(from: url)
                #expect(try model.predict(input).scalars == expected)
            }
        }
    }

    @Test func `frozen parameters keep their bits, whatever acts on the others`() throws {
        let frozen = ParameterGroup.frozen(.named("linear2"))
        for feature in Feature.all where feature.trainer.groups.isEmpty {
            var trainer = feature.trainer
            trainer.groups = [frozen]
            // What a callback leaves the run with may be anything.
            guard feature.name != "final variables" else { continue }
            let start = try PairedRun.fit(trainer, epochs: 0)
            let run = try PairedRun.fit(trainer, epochs: 2)
            for path in ["linear2.weight", "linear2.bias"] {
                #expect(run.variables[path]?.scalars == start.variables[path]?.scalars, "\(feature.name)")
            }
            #expect(run.variables["linear1.weight"]?.scalars != start.variables["linear1.weight"]?.scalars)
        }
    }

    /// Unnamed layers, in number and kind as training asks for them.
    private struct Counted: Layer {
        func forward(_ x: Tensor, in scope: Scope) -> Tensor {
            let shared = Linear(10).named("linear1")
            let y = scope(ReLU(), scope(shared, scope(shared, x)))
            return scope(Linear(3), scope(Tanh(), scope(Linear(6), y)))
        }
    }

    @Test func `layers without a name do not take names that were given, and are found after shared ones`() throws {
        let run = try Trainer(Counted(), loss: .crossEntropy, optimizer: SGD(learningRate: 0.1), batchSize: 8) {
            Dropout(0.1, at: .after(.every))
        }.fit(Problem.rows(), epochs: 2)
        let paths = run.variables.entries.map(\.path).filter { $0.hasSuffix("weight") }
        #expect(paths == ["linear1.weight", "linear2.weight", "linear3.weight"])
        #expect(run.variables["linear2.weight"]?.shape == [10, 6])
    }
}
