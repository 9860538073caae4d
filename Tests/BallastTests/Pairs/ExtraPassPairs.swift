import Ballast
import BallastPlugins
import Synchronization
import Testing

/// Further passes of a step, crossed with all that the first pass keeps.
struct ExtraPassPairs {
    /// Looks at other passes, and adds nothing.
    private struct Looks: LossPenalty {
        func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
            _ = context.inputGradient()
            _ = context.output(of: context.batch.input * 2, draw: 1)
            _ = context.output(of: context.batch.input, at: Variables(entries: []))
            return Tensor(0)
        }
    }

    private static let batchLook = BatchProbe(name: "batchLook") { batch, context, _ in
        _ = context.inputGradient(of: batch)
        return batch
    }

    private static let transformLook = TransformProbe(name: "transformLook") { gradients, context, _ in
        _ = context.gradients(at: gradients.indices.map { gradients.parameter($0) * 0.5 })
    }

    static let kept: [[any Technique]] = [
        [BatchNorm()], [BatchNorm(momentum: nil), Dropout(0.3)], [Tracker()], [Diary(), Dropout(0.3)], [Centers()],
        [MovingAverage(), BatchNorm(), EarlyStopping(patience: 2)],
    ]

    @Test(arguments: kept.indices, [1, 2])
    func `further passes leave statistics, counts, draws and parameters alone`(index: Int, shards: Int) throws {
        let plain = try PairedRun.fit(PairedRun.trainer(Self.kept[index], shards: shards))
        for look in [Looks(), Self.batchLook, Self.transformLook] as [any Technique] {
            let run = try PairedRun.fit(PairedRun.trainer([look] + Self.kept[index], shards: shards))
            #expect(differences(run.variables, plain.variables) == [], "\(look.name)")
            #expect(run.history.map(\.trainLoss) == plain.history.map(\.trainLoss), "\(look.name)")
        }
    }

    @Test func `a further pass with the same draw is the same, and another draw is another`() throws {
        let log = Log()
        struct Draws: LossPenalty {
            let log: Log
            func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
                guard context.isTraining else { return Tensor(0) }
                let x = context.batch.input
                let outputs = [0, 0, 1].map { context.output(of: x, draw: $0).scalars } + [context.output.scalars]
                log.add("\(outputs[0] == outputs[1]) \(outputs[0] == outputs[2]) \(outputs[0] == outputs[3])")
                return Tensor(0)
            }
        }
        _ = try PairedRun.fit(PairedRun.trainer([Dropout(0.5), Draws(log: log)]), epochs: 1)
        #expect(Set(log.all) == ["true false false"])
    }

    @Test(arguments: [-1, .min, .max]) func `a draw that there cannot be is an error that names the technique`(
        draw: Int
    ) throws {
        struct Draws: LossPenalty {
            let draw: Int
            func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
                context.isTraining ? context.output(of: context.batch.input, draw: draw).mean() : Tensor(0)
            }
        }
        let error = #expect(throws: TrainingError.self) {
            try PairedRun.fit(PairedRun.trainer([Dropout(0.1), Draws(draw: draw)]))
        }
        #expect((error?.underlying as? TechniqueError)?.technique == "Draws")
    }

    @Test func `the gradient of the input is that of the closed form`() throws {
        let seen = Mutex<[Float]>([])
        let look = BatchProbe(name: "look") { batch, context, _ in
            let gradient = context.inputGradient(of: batch)
            seen.withLock { $0 = gradient.scalars }
            return batch
        }
        let data = try Dataset(inputs: [[1, 2], [-1, 0.5]], targets: [[1, 0, 2], [0, 1, -1]])
        let weights: [Float] = [0.5, -1, 2, 1, 0.25, -0.5]
        let run = try Trainer(
            Sequential { Linear(3, bias: false, weight: .values(weights)) }, loss: .meanSquaredError,
            optimizer: SGD(learningRate: 0.1), batchSize: 2
        ) {
            look
            L2(0.1)
        }.start(data, epochs: 1)
        try run.step()
        let batch = try #require(Array(data.batches(ofSize: 2, seed: 0, epoch: 0)).first)
        let w = Tensor(weights, shape: [2, 3])
        // d/dx of the mean of (x W − y)² over 6 elements: 2/6 (x W − y) Wᵀ.
        let residual = matmul(batch.input, w) - batch.target
        let expected: [Float] = (matmul(residual, w.transposed()) * (1 / 3)).scalars
        #expect(zip(seen.withLock { $0 }, expected).allSatisfy { abs($0 - $1) < 1e-6 })
        #expect(seen.withLock { $0.count } == 4)
    }

    /// Statistics with equal weights in a pass that estimates them anew: state that is first requested there.
    @Test func `state that is first requested when statistics are estimated anew is state of the run`() throws {
        let exact = WrapperProbe(name: "exact", sites: [.before("relu1")]) { call, context, _ in
            let x = call.next()
            if let batch = context.statisticsBatch {
                let sum = context.scope.state("sum", [x.shape[1]], initial: .zeros)
                sum.value = batch == 0 ? x.detached.sum(axes: [0]) : sum.value + x.detached.sum(axes: [0])
            }
            return x
        }
        let run = try PairedRun.fit(PairedRun.trainer([exact, MovingAverage(), Tracker(), BatchNorm()]))
        #expect(run.history.count == 4)
        #expect(run.variables["exact/relu1.sum"]?.shape == [16])
        let resumed = try PairedRun.inFolder { folder in
            let policy = CheckpointPolicy(in: folder)
            for epoch in 1...4 {
                _ = try PairedRun.fit(
                    PairedRun.trainer([exact, MovingAverage(), Tracker(), BatchNorm()]), until: epoch,
                    checkpoints: policy)
            }
            return try PairedRun.fit(
                PairedRun.trainer([exact, MovingAverage(), Tracker(), BatchNorm()]), checkpoints: policy)
        }
        #expect(differences(resumed.variables, run.variables) == [])
    }
}
