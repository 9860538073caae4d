import Ballast
import BallastPlugins
import Testing

/// An optimizer written outside of the core, crossed with everything that is folded into its pass.
struct OptimizerPairs {
    static let folded: [[any Technique]] = [
        [], [L2(0.05)], [L1(0.02)], [ElasticNet(0.03)], [DecoupledDecay(0.1)], [ProximalL1(0.05)],
        [L2(0.05), L1(0.02), DecoupledDecay(0.1), ProximalL1(0.05)], [ProximalL1(0.05), DecoupledDecay(0.1)],
        [
            TransformProbe(
                name: "clip", body: { gradients, _, _ in gradients.scale(by: min(1, 0.3 / gradients.norm())) }),
            L2(0.1),
        ],
        [TransformProbe(name: "half", stage: .update, body: { updates, _, _ in updates.scale(by: 0.5) }), L1(0.1)],
        [UnitClip(), DecoupledDecay(0.1)], [Centers(), L2(0.05)], [Sharpness(), L2(0.05), ProximalL1(0.01)],
    ]
    static let groupings: [[ParameterGroup]] = [
        [], [.frozen(.named("linear2")), ParameterGroup(.named("linear1"), learningRateScale: 3)],
    ]

    private func start(
        _ techniques: [any Technique], _ optimizer: any Optimizer, _ groups: [ParameterGroup], shards: Int = 1
    )
        throws -> Run
    {
        let data = try Problem.rows()
        return try PairedRun.trainer(techniques, optimizer: optimizer, shards: shards, groups: groups).start(
            data, epochs: 1, seed: 2)
    }

    @Test(arguments: folded.indices, groupings.indices)
    func `Adam from outside agrees with the built-in one, whatever is folded in`(index: Int, grouping: Int) throws {
        for shards in [1, 2] {
            let own = try start(Self.folded[index], OwnAdam(), Self.groupings[grouping], shards: shards)
            let built = try start(
                Self.folded[index], Adam(learningRate: 0.02), Self.groupings[grouping], shards: shards)
            for step in 1...5 {
                try own.step()
                try built.step()
                for (one, other) in zip(own.variables.entries, built.variables.entries) {
                    let greatest = zip(one.value.scalars, other.value.scalars).map { abs($0 - $1) }.max() ?? 0
                    #expect(greatest < 1e-6 * Float(step), "\(one.path) in step \(step)")
                }
            }
        }
    }

    @Test(arguments: folded.indices) func `what is folded in is what its tensors would be`(index: Int) throws {
        // A transform that looks at every gradient and every update materializes both.
        let look = TransformProbe(name: "look") { gradients, _, _ in
            for index in gradients.indices { gradients[index] = gradients[index] }
        }
        let lookAgain = TransformProbe(name: "again", stage: .update) { updates, _, _ in
            for index in updates.indices { updates[index] = updates[index] }
        }
        for optimizer in [OwnAdam(), Adam(learningRate: 0.02), SGD(learningRate: 0.2, momentum: 0.9)] as [any Optimizer]
        {
            let folded = try start(Self.folded[index], optimizer, Self.groupings[1])
            let dense = try start(Self.folded[index] + [look, lookAgain], optimizer, Self.groupings[1])
            for step in 1...5 {
                try folded.step()
                try dense.step()
                for (one, other) in zip(folded.variables.entries, dense.variables.entries) {
                    let greatest = zip(one.value.scalars, other.value.scalars).map { abs($0 - $1) }.max() ?? 0
                    #expect(greatest < 2e-6 * Float(step), "\(one.path) in step \(step), \(optimizer)")
                }
            }
        }
    }

    @Test func `a soft threshold gives exact zeros, and the decay is that of the group`() throws {
        for optimizer in [OwnAdam(), Adam(learningRate: 0.02), SGD(learningRate: 0.02)] as [any Optimizer] {
            let sparse = try start([ProximalL1(2)], optimizer, [])
            try sparse.finish()
            let zeros = sparse.variables["linear1.weight"]?.scalars.count { $0 == 0 } ?? 0
            #expect(zeros > 20, "\(optimizer)")

            // No gradient: only the decay moves, by (1 − η s λ).
            let still = Loss("none", target: .classes) { output, _ in (output * 0).sum() }
            var trainer = PairedRun.trainer(
                [DecoupledDecay(0.5)], optimizer: optimizer, schedule: .constant,
                groups: [ParameterGroup(.named("linear1"), learningRateScale: 3)])
            trainer.loss = still
            let run = try trainer.start(Problem.rows(), epochs: 1)
            let before = run.variables
            try run.step()
            for (path, factor) in [("linear1.weight", Float(1 - 0.02 * 3 * 0.5)), ("linear2.weight", 1 - 0.02 * 0.5)] {
                let pairs = zip(run.variables[path]?.scalars ?? [], before[path]?.scalars ?? [])
                #expect(pairs.allSatisfy { abs($0 - $1 * factor) < 1e-7 }, "\(path), \(optimizer)")
            }
        }
    }
}
