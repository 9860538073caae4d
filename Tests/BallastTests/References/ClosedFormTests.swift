import BallastPlugins
import TestSupport
import Testing

/// Identities that hold whoever implements them, with techniques written here on the public hooks.
struct ClosedFormTests {
    /// One weight that plain gradient descent moves by a constant each step.
    private func run(_ techniques: [any Technique], steps: Int) throws -> Run {
        let trainer = Trainer(
            Sequential { Linear(2, bias: false, weight: .values([3, 4])) }, loss: .meanSquaredError(scale: 1),
            optimizer: SGD(learningRate: 0.1), batchSize: 1, composition: Composition(techniques))
        return try trainer.fit(Dataset(inputs: [[1]], targets: [[0, 0]]), epochs: steps)
    }

    @Test func `max-norm limits the norm and keeps the direction`() throws {
        let weights = try #require(try run([MaxNorm(limit: 1)], steps: 1).variables["linear1.weight"]).scalars
        #expect(abs(weights[0] - 0.6) < 1e-6 && abs(weights[1] - 0.8) < 1e-6)
    }

    @Test func `an exponential moving average is the geometric mean of weights, an arithmetic one counts all alike`()
        throws
    {
        // The gradient of the mean of two squares is the weight itself, so each step multiplies it by 0.9.
        let averages = try run([Averages(decay: 0.5)], steps: 3)
        let path = (1...3).map { 3 * Float(0.9 * ($0 > 1 ? 0.9 : 1) * ($0 > 2 ? 0.9 : 1)) }
        let exponential = 0.125 * 3 + 0.125 * path[0] + 0.25 * path[1] + 0.5 * path[2]
        let moving = try #require(averages.variables["Averages/exponential"]).scalars[0]
        let arithmetic = try #require(averages.variables["Averages/arithmetic"]).scalars[0]
        #expect(abs(moving - exponential) < 1e-5)
        #expect(abs(arithmetic - path.reduce(0, +) / 3) < 1e-5)
    }

    @Test func `label smoothing and mixup keep a mass of one, and commute`() throws {
        let smoothing = BatchProbe(name: "smoothing") { batch, context, log in
            var batch = batch
            let classes = context.classes ?? 1
            batch.target = batch.probabilities(classes: classes) * 0.9 + 0.1 / Float(classes)
            log.add("\(batch.target.sum(axes: [1]).scalars.map { ($0 * 1e5).rounded() })")
            return batch
        }
        let mixup = BatchProbe(name: "mixup") { batch, context, _ in
            var batch = batch
            let order = Tensor(integers: context.random.permutation(batch.count))
            let target = batch.probabilities(classes: context.classes ?? 1)
            batch.input = batch.input * 0.7 + batch.input.gathered(rows: order) * 0.3
            batch.target = target * 0.7 + target.gathered(rows: order) * 0.3
            return batch
        }
        func trained(_ techniques: [any Technique]) throws -> Run {
            try Trainer(
                Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.2), batchSize: 8,
                composition: Composition(techniques)
            ).fit(Problem.rows(48), epochs: 1, seed: 3)
        }
        let (first, second) = (try trained([smoothing, mixup]), try trained([mixup, smoothing]))
        let (alone, plain) = (try trained([mixup]), try trained([]))
        for entry in first.variables.entries {
            let other = try #require(second.variables[entry.path])
            #expect(relativeError(entry.value, other) < 1e-5, "\(entry.path)")
        }
        #expect(first.history[0].trainLoss != alone.history[0].trainLoss)
        #expect(alone.history[0].trainLoss != plain.history[0].trainLoss)
        #expect(
            smoothing.log.all.filter { !$0.hasPrefix("smoothing") }
                == Array(repeating: "\([Float](repeating: 1e5, count: 8))", count: 12))
    }

    @Test(arguments: [(Float(0), 0.009...0.013), (3, 0.0014...0.0016)])
    func `the weights of d2l's weight decay end in the published band`(strength: Float, band: ClosedRange<Double>)
        throws
    {
        // d2l.ai, weight decay: 200 inputs, 20 rows, batch 5, learning rate 0.01, 10 epochs, N(0, 0.01²) at the start.
        // A single run depends on its seed: the mean over ten must lie in the band.
        var sum = 0.0
        for seed in 0..<10 {
            let stream = RandomStream(seed: UInt64(seed), purpose: "d2l")
            let x = Tensor.normal([20, 200], from: stream)
            let y = x.sum(axes: [1]) * 0.01 + 0.05 + Tensor.normal([20], deviation: 0.01, from: stream.at(1))
            let trainer = Trainer(
                Sequential { Linear(1, weight: .normal(deviation: 0.01), biasInitial: .zeros) },
                loss: .meanSquaredError(scale: 0.5), optimizer: SGD(learningRate: 0.01), batchSize: 5,
                silencing: ["no-effect"]
            ) {
                L2(strength)
            }
            let data = try Dataset(
                inputs: Column(floats: x.scalars, itemShape: [200]), targets: Column(floats: y.scalars, itemShape: [1]))
            let weights = try #require(
                try trainer.fit(data, epochs: 10, seed: UInt64(seed)).variables["linear1.weight"])
            sum += Double(weights.sumOfSquares().item) / 2
        }
        #expect(band.contains(sum / 10), "the mean over ten seeds is \(sum / 10)")
    }
}

/// w ← w min(1, c / ‖w‖) after each step.
private struct MaxNorm: GradientTransform {
    let limit: Float
    var stage: GradientStage { .update }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        var updates = gradients
        updates.transform { update, parameter in
            let moved = parameter + update
            return moved * min(1, limit / moved.norm().item) - parameter
        }
        return updates
    }
}

/// Follows the weight after each step with both kinds of average.
private struct Averages: EpochCallback {
    let decay: Float

    func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision {
        guard let weight = context.variables["linear1.weight"] else { return .continue }
        let exponential = context.scope.state("exponential", weight.shape, initial: .values([3, 4]))
        let arithmetic = context.scope.state("arithmetic", weight.shape, initial: .zeros)
        exponential.value = exponential.value * decay + weight * (1 - decay)
        let count = Float(epoch.epoch + 1)
        arithmetic.value = arithmetic.value + (weight - arithmetic.value) * (1 / count)
        return .continue
    }
}
