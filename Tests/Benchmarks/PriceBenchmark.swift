import BallastPlugins
import CKernels
import Foundation
import Tensors

/// What each technique adds to a training step of the 784-256-128-10 perceptron, batch 128, Adam, random data.
///
/// All cases take turns, so that a machine whose speed drifts treats them alike.
enum PriceBenchmark {
    private static let beforeActivations = Site.before(.activations)

    private static let cases: [(name: String, composition: Composition)] = [
        ("bare", Composition()),
        ("l2", Composition { L2(1e-4) }),
        ("l1", Composition { L1(1e-5) }),
        ("elastic-net", Composition { ElasticNet(1e-5) }),
        ("proximal-l1", Composition { ProximalL1(1e-5) }),
        ("decoupled-decay", Composition { DecoupledDecay(1e-2) }),
        (
            "dropout",
            Composition {
                Dropout(0.3, at: .after("relu1"), named: "dropout1")
                Dropout(0.5, at: .after("relu2"), named: "dropout2")
            }
        ),
        ("batch-norm", Composition { BatchNorm(at: beforeActivations) }),
        ("layer-norm", Composition { LayerNorm(at: beforeActivations) }),
        ("rms-norm", Composition { RMSNorm(at: beforeActivations) }),
        (
            "ten-at-once",
            Composition {
                L2(1e-4)
                L1(1e-5)
                ElasticNet(1e-5)
                DecoupledDecay(1e-2)
                DecoupledDecay(1e-3, named: "decay2")
                BatchNorm(at: beforeActivations)
                Dropout(0.3, at: .after("relu1"), named: "dropout1")
                Dropout(0.5, at: .after("relu2"), named: "dropout2")
                Dropout(0.1, at: .input, named: "dropout3")
                L2(1e-5, named: "l2-again")
            }
        ),
    ]

    static func run() throws {
        let stream = RandomStream(seed: 0, purpose: "price")
        let count = 20_000
        let data = try Dataset(
            inputs: Column(floats: Tensor.normal([count, 784], from: stream).scalars, itemShape: [784]),
            targets: Column(integers: stream.at(1).words(count).map { Int32($0 % 10) }))
        let base = Trainer(
            Workload.perceptron, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3), metrics: [], batchSize: 128)
        var steppers: [(name: String, step: () throws -> Void)] = []
        for (name, composition) in cases {
            let run = try base.composing(composition).start(data, epochs: .max)
            steppers.append((name, { try run.step() }))
        }
        let byHand = HandWrittenLoop(data)
        steppers.append(("hand-written", { byHand.step() }))

        var times = [[Double]](repeating: [], count: steppers.count)
        for round in 0..<22 {
            for (index, stepper) in steppers.enumerated() {
                let start = ContinuousClock.now
                for _ in 0..<100 { try stepper.step() }
                if round >= 2 { times[index].append((ContinuousClock.now - start) / .milliseconds(100)) }
            }
        }
        for (index, stepper) in steppers.enumerated() {
            let ratio = Benchmarks.median(zip(times[index], times[0]).map { $0 / $1 })
            print(
                "{\"technique\": \"\(stepper.name)\", \"engine\": \"ballast\", \"milliseconds\": "
                    + String(format: "%.4f, \"ratio\": %.3f}", Benchmarks.median(times[index]), ratio))
        }
    }
}

/// The training loop of the perceptron as one writes it without hooks, on the same kernels.
private final class HandWrittenLoop {
    private let data: Dataset
    private let tape = Tape.acquire()
    private let optimizer = Adam(learningRate: 1e-3)
    private var parameters: [Tensor] = []
    private var first: [Tensor] = []
    private var second: [Tensor] = []
    private var order: [Int32] = []
    private var position = 0
    private var epoch = 0
    private var count = 0
    private var lossSum = 0.0

    init(_ data: Dataset) {
        self.data = data
        for (index, sizes) in [(784, 256), (256, 128), (128, 10)].enumerated() {
            let bound = 1 / Float(sizes.0).squareRoot()
            let stream = RandomStream(seed: 0, purpose: "hand").at(UInt64(index))
            parameters.append(.uniform([sizes.0, sizes.1], in: -bound..<bound, from: stream))
            parameters.append(.zeros([sizes.1]))
        }
        first = parameters.map { .zeros($0.shape) }
        second = first.map { .zeros($0.shape) }
        order = data.order(seed: 0, epoch: 0)
    }

    deinit { tape.release() }

    func step() {
        if position >= order.count {
            epoch += 1
            position = 0
            order = data.order(seed: 0, epoch: epoch)
        }
        let range = position..<min(position + 128, order.count)
        position = range.upperBound
        let batch = data.batch(order, range)
        tape.reset(leafCount: parameters.count)
        let leaf = parameters.indices.map { tape.leaf($0, parameters[$0]) }
        var x = batch.input.flattened(from: 1)
        x = linear(x, leaf[0], leaf[1], relu: true)
        x = linear(x, leaf[2], leaf[3], relu: true)
        x = linear(x, leaf[4], leaf[5])
        let loss = crossEntropy(x, batch.target)
        lossSum += Double(loss.item)
        tape.seed(loss)
        tape.backward()
        let gradients = parameters.indices.map { tape.takeGradient(ofLeaf: $0) ?? .zeros(parameters[$0].shape) }
        var segments = parameters.indices.map { index in
            ballast_segment(
                parameter: parameters[index].storage.floats, gradient: UnsafePointer(gradients[index].storage.floats),
                update: nil, first: first[index].storage.floats, second: second[index].storage.floats,
                count: parameters[index].elementCount, gradient_scale: 1, weight_decay: 0, l1: 0, decoupled_decay: 0,
                soft_threshold: 0)
        }
        var bad = 0
        segments.withUnsafeMutableBufferPointer { segments in
            guard let base = segments.baseAddress, ballast_gradients_finite(segments.count, base, &bad) else { return }
            optimizer.update(segments, at: OptimizerStep(learningRate: 1e-3, index: count))
        }
        count += 1
    }
}
