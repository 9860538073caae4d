import Ballast
import BallastPlugins
import Testing

/// Batches that are cut into shards, crossed with what a step can hold.
struct ShardPairs {
    /// What depends on each sample by itself, and draws nothing within the model.
    static let exact: [[any Technique]] = [
        [], [L2(0.02)], [L1(0.02)], [ElasticNet(0.02)], [DecoupledDecay(0.1)], [ProximalL1(0.02)], [Centers()],
        [UnitClip()], [MovingAverage()], [LayerNorm()], [RMSNorm()], [Sharpness()], [Sharpness(), L2(0.02), L1(0.01)],
        [Sharpness(parameters: .weights), Centers()],
        [
            TransformProbe(
                name: "clip", body: { gradients, _, _ in gradients.scale(by: min(1, 0.5 / gradients.norm())) })
        ],
        [
            BatchProbe(
                name: "smooth",
                batch: { batch, context, _ in
                    var batch = batch
                    batch.target = batch.probabilities(classes: context.classes ?? 1) * 0.9 + 0.1 / 3
                    batch.input = batch.input + Tensor.normal(batch.input.shape, deviation: 0.1, from: context.random)
                    return batch
                })
        ],
    ]

    /// What draws in the model, or depends on the batch.
    static let inexact: [[any Technique]] = [
        [Dropout(0.3)], [BatchNorm()], [BatchNorm(momentum: nil), Dropout(0.2), Sharpness()],
        [Tracker(), Dropout(0.1)],
    ]

    private func start(
        _ techniques: [any Technique], shards: Int, groups: [ParameterGroup] = [],
        optimizer: any Optimizer = SGD(learningRate: 0.2, momentum: 0.9)
    ) throws -> Run {
        let data = try Problem.rows(48)
        return try PairedRun.trainer(techniques, optimizer: optimizer, shards: shards, groups: groups).start(
            data, validation: data.prefix(20), epochs: 2, seed: 3)
    }

    @Test(arguments: exact.indices, [2, 3, 5, 8, 100])
    func `loss and update are those of the whole batch`(index: Int, shards: Int) throws {
        for groups in [[], [.frozen(.named("linear1")), ParameterGroup(.named("linear3"), learningRateScale: 0.5)]] {
            let whole = try start(Self.exact[index], shards: 1, groups: groups)
            let cut = try start(Self.exact[index], shards: shards, groups: groups)
            for step in 1...5 {
                try whole.step()
                try cut.step()
                #expect(abs(cut.currentLoss - whole.currentLoss) < 1e-5, "step \(step)")
                for (one, other) in zip(cut.variables.entries, whole.variables.entries) {
                    let greatest = zip(one.value.scalars, other.value.scalars).map { abs($0 - $1) }.max() ?? 0
                    #expect(greatest < 1e-5, "\(one.path) in step \(step)")
                }
            }
            try whole.finish()
            try cut.finish()
            for (one, other) in zip(cut.history[0].penalties, whole.history[0].penalties) {
                #expect(abs(one.value - other.value) <= 1e-4 * max(1, abs(other.value)))
            }
        }
    }

    @Test(arguments: (exact + inexact).indices, [2, 3])
    func `the bits are the same on one thread and on two, and in each run`(index: Int, shards: Int) throws {
        let techniques = (Self.exact + Self.inexact)[index]
        let threads = Kernels.threadCount
        defer { Kernels.threadCount = threads }
        let runs = try [1, 2, 1].map { count in
            Kernels.threadCount = count
            let run = try start(techniques, shards: shards)
            try run.finish()
            return run
        }
        for run in runs.dropFirst() {
            #expect(differences(run.variables, runs[0].variables) == [])
            #expect(account(run) == account(runs[0]))
        }
    }

    @Test(arguments: inexact.indices) func `one shard is the plain step, and several are another`(index: Int) throws {
        func final(_ shards: Int) throws -> Variables {
            let run = try start(Self.inexact[index], shards: shards)
            try run.finish()
            return run.variables
        }
        let plain = PairedRun.trainer(Self.inexact[index], optimizer: SGD(learningRate: 0.2, momentum: 0.9))
        let data = try Problem.rows(48)
        let expected = try plain.fit(data, validation: data.prefix(20), epochs: 2, seed: 3).variables
        #expect(differences(try final(1), expected) == [])
        #expect(differences(try final(2), expected) != [])
    }

    @Test func `each shard draws its own noise, and what is shared in a step is the same in all`() throws {
        let log = Log()
        let look = WrapperProbe(name: "look", sites: [.input], log: log) { call, context, log in
            if context.isTraining {
                log.add("own \(context.random.uniforms(2)) shared \(context.sharedRandom.uniforms(2))")
            }
            return call.next()
        }
        let run = try start([look], shards: 4)
        try run.step()
        let lines = log.all.filter { $0.hasPrefix("own") }
        let parts = lines.map { $0.split(separator: " shared ", maxSplits: 1) }
        #expect(lines.count == 4)
        #expect(Set(parts.map { $0[0] }).count == 4)
        #expect(Set(parts.map { $0[1] }).count == 1)
    }

    @Test func `a shard of one sample is refused where a batch of one is`() throws {
        for (shards, isFine) in [(4, true), (8, false), (5, false)] {
            let data = try Problem.rows(48)
            let trainer = PairedRun.trainer([BatchNorm()], shards: shards)
            if isFine {
                #expect(try trainer.fit(data, epochs: 1).history.count == 1)
            } else {
                let error = #expect(throws: CompositionError.self) { try trainer.fit(data, epochs: 1) }
                #expect(error?.diagnostics.map(\.identifier) == ["batch-norm-of-one"])
            }
        }
    }
}
