import Ballast
import BallastDropout
import Synchronization
import TestSupport
import Testing

struct DropoutTests {
    /// What a training pass makes of ones behind dropout, at the site of the model's input.
    private func output(_ shape: Shape, _ dropout: Dropout, seed: UInt64 = 1) throws -> Tensor {
        let log = Log()
        let trainer = Trainer(
            Sequential { Recorder(log: log) }, loss: .meanSquaredError, optimizer: SGD(learningRate: 0.1),
            batchSize: shape[0], composition: Composition([dropout]))
        let width = shape.elementCount(in: 1..<shape.rank)
        let item = Shape(shape.dropFirst())
        let ones = [Float](repeating: 2, count: shape[0] * width)
        let data = try Dataset(
            inputs: Column(floats: ones, itemShape: item), targets: Column(floats: ones, itemShape: item))
        let run = try trainer.start(data, epochs: 1, seed: seed)
        log.clear()
        try run.step()
        return Tensor(try #require(log.values.first), shape: shape)
    }

    @Test(arguments: [Float(0.1), 0.3, 0.5, 0.9])
    func `every output is zero or scaled, as often as the probability says, and the mean stays`(p: Float) throws {
        let values = try output([64, 1009], Dropout(p, at: .input)).scalars
        let zeros = values.count { $0 == 0 }
        // The operation rounds the probability to a multiple of 2^-16.
        let scaled = 2 * 65536 / (65536 - (65536 * p).rounded())
        #expect(values.allSatisfy { $0 == 0 || abs($0 - scaled) <= 1e-6 * scaled })
        let count = Double(values.count)
        let sigma = (Double(p) * (1 - Double(p)) / count).squareRoot()
        #expect(abs(Double(zeros) / count - Double(p)) < 5 * sigma)
        let mean = values.reduce(0) { $0 + Double($1) } / count
        #expect(abs(mean - 2) < 5 * 2 * sigma / (1 - Double(p)))
    }

    @Test func `neighbouring elements are zeroed independently`() throws {
        let kept = try output([64, 1009], Dropout(0.5, at: .input)).scalars.map { $0 == 0 ? -1.0 : 1.0 }
        for distance in [1, 2, 8, 16, 1009] {
            let product = zip(kept, kept.dropFirst(distance)).reduce(0) { $0 + $1.0 * $1.1 }
            #expect(abs(product) < 5 * Double(kept.count - distance).squareRoot(), "distance \(distance)")
        }
    }

    @Test func `per channel, whole channels are zeroed`() throws {
        let values = try output([32, 17, 5, 3], Dropout(0.4, at: .input, per: .channel)).scalars
        var zeroed = 0
        for channel in 0..<32 * 17 {
            let plane = values[channel * 15..<(channel + 1) * 15]
            #expect(Set(plane).count == 1)
            if plane.first == 0 { zeroed += 1 }
        }
        let count = 32.0 * 17
        #expect(abs(Double(zeroed) / count - 0.4) < 5 * (0.24 / count).squareRoot())
    }

    /// The masks of some steps of a run in which each batch holds the same ones, with other techniques beside dropout.
    private func masks(_ techniques: [any Technique], seed: UInt64, steps: Int, learningRate: Float = 0.1) throws
        -> [[Float]]
    {
        let log = Log()
        let trainer = Trainer(
            Sequential { Recorder(log: log) }, loss: .meanSquaredError, optimizer: SGD(learningRate: learningRate),
            batchSize: 4, composition: Composition(techniques))
        let ones = [Float](repeating: 1, count: 4 * steps * 100)
        let column = try Column(floats: ones, itemShape: [100])
        let run = try trainer.start(Dataset(inputs: column, targets: column), epochs: 1, seed: seed)
        log.clear()
        for _ in 0..<steps { try run.step() }
        return log.values
    }

    @Test func `masks depend on seed, name, site and step, and on nothing else`() throws {
        let dropout = Dropout(0.5, at: .input)
        let first = try masks([dropout], seed: 1, steps: 4)
        #expect(first.count == 4 && Set(first).count == 4, "each step has its own")
        #expect(try masks([dropout], seed: 1, steps: 3) == Array(first.prefix(3)), "not on the length of the run")
        #expect(try masks([dropout], seed: 1, steps: 4, learningRate: 0) == first, "not on what is trained")
        let beside = Dropout(0.3, at: .output, named: "beside")
        #expect(try masks([beside, dropout], seed: 1, steps: 4) == first, "not on what is beside it")
        #expect(try masks([dropout], seed: 2, steps: 4) != first)
        #expect(try masks([Dropout(0.5, at: .input, named: "other")], seed: 1, steps: 4) != first)
        #expect(try masks([Dropout(0.5, at: .before("recorder1"))], seed: 1, steps: 4) != first)
    }

    @Test func `the gradient goes through the survivors alone, with their scale`() throws {
        // A linear unit on ones: the gradient of a weight is the mean of its dropped input.
        let trainer = Trainer(
            Sequential { Linear(1, bias: false, weight: .zeros) }, loss: .meanSquaredError(scale: 0.5),
            optimizer: SGD(learningRate: 1), batchSize: 1
        ) {
            Dropout(0.25, at: .input)
        }
        let data = try Dataset(inputs: [[Float](repeating: 1, count: 200)], targets: [[1]])
        let run = try trainer.fit(data, epochs: 1)
        let weights = try #require(run.variables["linear1.weight"]).scalars
        #expect(weights.allSatisfy { $0 == 0 || abs($0 - 1 / 0.75) < 1e-6 })
        #expect(weights.contains(0) && weights.contains { $0 != 0 })
    }

    @Test func `outside training it is the identity`() throws {
        let model = Sequential { Flatten() }
        let data = try Dataset(inputs: [[1, 2, 3]], targets: [[0, 0, 0]])
        let plain = Trainer(model, loss: .meanSquaredError, optimizer: SGD(learningRate: 0))
        let run = try plain.composing(Composition { Dropout(0.9, at: .input) }).start(data, epochs: 1)
        #expect(try run.predict(Tensor([1, 2, 3], shape: [1, 3])).scalars == [1, 2, 3])
    }

    @Test func `on inputs of linear regression it is a ridge in expectation`() throws {
        // Srivastava et al. (2014), section 9.1: E loss = ‖y − Xw‖² + p/(1 − p) ‖Γ w‖², Γ² = diag(XᵀX).
        let (rows, columns, p) = (16, 4, Float(0.3))
        let x = Tensor.normal([rows, columns], from: RandomStream(seed: 3, purpose: "x"))
        let weights: [Float] = [1, -0.5, 2, 0.25]
        let targets = Tensor.normal([rows, 1], from: RandomStream(seed: 3, purpose: "y"))
        let trainer = Trainer(
            Sequential { Linear(1, bias: false, weight: .values(weights)) }, loss: .meanSquaredError,
            optimizer: SGD(learningRate: 0), batchSize: rows
        ) {
            Dropout(p, at: .input)
        }
        let data = try Dataset(
            inputs: Column(floats: x.scalars, itemShape: [columns]),
            targets: Column(floats: targets.scalars, itemShape: [1]))
        let losses = try trainer.fit(data, epochs: 4000).history.map { $0.trainLoss * Double(rows) }
        let mean = losses.reduce(0, +) / Double(losses.count)
        let deviation = (losses.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(losses.count - 1)).squareRoot()
        let w = Tensor(weights, shape: [columns, 1])
        let residual = (targets - matmul(x, w)).squared().sum().item
        let ridge = p / (1 - p) * (x.squared().sum(axes: [0]).reshaped(to: [columns, 1]) * w.squared()).sum().item
        #expect(abs(mean - Double(residual + ridge)) < 5 * deviation / Double(losses.count).squareRoot())
    }

    @Test func `probability zero is the identity, and one is refused`() async throws {
        #expect(try output([3, 7], Dropout(0, at: .input)).scalars.allSatisfy { $0 == 2 })
        let one = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { _ = Dropout(1) }
        let oneText = String(decoding: one?.standardErrorContent ?? [], as: UTF8.self)
        #expect(oneText.contains("the probability must be in 0..<1 but is 1.0"))
        let negative = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Dropout(-0.1)
        }
        let negativeText = String(decoding: negative?.standardErrorContent ?? [], as: UTF8.self)
        #expect(negativeText.contains("the probability must be in 0..<1 but is -0.1"))
    }
}

/// Keeps what passes through it.
private struct Recorder: Layer {
    let log: Log

    func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        log.add(x.scalars)
        return x * scope.parameter("one", [1], initial: .ones)
    }
}

private final class Log: Sendable {
    private let storage = Mutex<[[Float]]>([])

    var values: [[Float]] { storage.withLock { $0 } }
    func add(_ values: [Float]) { storage.withLock { $0.append(values) } }
    func clear() { storage.withLock { $0 = [] } }
}
