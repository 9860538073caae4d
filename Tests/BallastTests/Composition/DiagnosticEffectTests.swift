import Ballast
import BallastPlugins
import Testing

/// What diagnostics warn of is so: the stated effects, measured.
struct DiagnosticEffectTests {
    /// One linear layer without bias whose loss has a known gradient: one row x with the loss (w·x − y)².
    private func weights(
        after epochs: Int = 1, of initial: [Float], input: [Float], target: Float, optimizer: any Optimizer,
        @CompositionBuilder _ techniques: () -> [any Technique]
    ) throws -> [Float] {
        let model = Sequential { Linear(1, bias: false, weight: .values(initial)) }
        let trainer = Trainer(
            model, loss: .meanSquaredError, optimizer: optimizer, batchSize: 1, composition: Composition(techniques()))
        let run = try trainer.fit(Dataset(inputs: [input], targets: [[target]]), epochs: epochs)
        return try #require(run.variables["linear1.weight"]).scalars
    }

    /// Loshchilov & Hutter (2019): the first step of Adam is η sign(g + λw) under L2, and η sign(g) + ηλw decoupled. So
    /// L2 does not shrink in proportion to λ: it turns the step where λ|w| > |g|, and elsewhere it does nothing.
    @Test func `adaptive-l2: under Adam a penalty moves weights by its sign, a decay by its size`() throws {
        let (initial, input): ([Float], [Float]) = ([2, -1, 0.5, -3], [1, 1, -0.5, -0.01])
        let (rate, strength): (Float, Float) = (0.01, 2)
        let target: Float = 0
        let output = zip(initial, input).reduce(0) { $0 + $1.0 * $1.1 }
        let gradients = input.map { 2 * (output - target) * $0 }
        let adam = Adam(learningRate: rate)
        let penalized = try weights(of: initial, input: input, target: target, optimizer: adam) { L2(strength) }
        let decayed = try weights(of: initial, input: input, target: target, optimizer: adam) {
            DecoupledDecay(strength)
        }
        func sign(_ value: Float) -> Float { value < 0 ? -1 : 1 }
        var turned = 0
        for index in initial.indices {
            let (w, g) = (initial[index], gradients[index])
            let adaptive = w - rate * sign(g + strength * w)
            let decoupled = w - rate * sign(g) - rate * strength * w
            #expect(
                abs(penalized[index] - adaptive) < 1e-5, "weight \(index): \(penalized[index]), expected \(adaptive)")
            #expect(abs(decayed[index] - decoupled) < 1e-5, "weight \(index): \(decayed[index]), expected \(decoupled)")
            if sign(g + strength * w) != sign(g) { turned += 1 }
        }
        #expect(turned > 0 && turned < initial.count, "the example must show both cases")

        // Ten times the strength: decay grows by as much, the penalty's step stays of the same size.
        let stronger = try weights(of: initial, input: input, target: target, optimizer: adam) { L2(10 * strength) }
        for index in initial.indices {
            #expect(
                abs(abs(stronger[index] - initial[index]) - rate) < 1e-5, "weight \(index) went to \(stronger[index])")
        }
    }

    /// Under SGD without momentum L2 with λ is decoupled decay with λ, so two of them are one with the sum.
    @Test func `double-decay: under SGD two decays are one with the sum of their strengths`() throws {
        let (initial, input): ([Float], [Float]) = ([2, -1, 0.5], [0.3, 1, -0.5])
        func trained(@CompositionBuilder _ techniques: () -> [any Technique]) throws -> [Float] {
            try weights(
                after: 20, of: initial, input: input, target: 1, optimizer: SGD(learningRate: 0.05), techniques)
        }
        let both = try trained {
            L2(0.3)
            DecoupledDecay(0.2)
        }
        let one = try trained { L2(0.5) }
        let other = try trained { DecoupledDecay(0.5) }
        let alone = try trained { L2(0.3) }
        for index in initial.indices {
            #expect(abs(both[index] - one[index]) < 1e-5, "weight \(index): \(both[index]), expected \(one[index])")
            #expect(abs(both[index] - other[index]) < 1e-5, "weight \(index): \(both[index]), expected \(other[index])")
            #expect(abs(both[index] - alone[index]) > 1e-3, "weight \(index) shows no second decay")
        }
    }

    /// Li et al. (2019): in front of batch normalization, a mean c and a variance v are (c² + v)/q − c² in training at a
    /// keep rate q, and v in evaluation; so what the norm puts out in evaluation has the variance v over that.
    @Test(arguments: [(center: Float(2), probability: Float(0.5)), (0, 0.25)])
    func `dropout-before-batch-norm: the variance that is kept is not that of evaluation`(
        center: Float, probability: Float
    ) throws {
        let count = 20_000
        let values = Tensor.normal([count], mean: center, from: RandomStream(seed: 2, purpose: "values"))
        let data = try Dataset(
            inputs: Column(floats: values.scalars, itemShape: [1]),
            targets: Column(floats: [Float](repeating: 0, count: count), itemShape: [1]))
        func learned(_ techniques: any Technique...) throws -> (kept: Float, output: Float, diagnostics: [String]) {
            let trainer = Trainer(
                Linear(1, bias: false, weight: .ones), loss: .meanSquaredError, optimizer: SGD(learningRate: 0),
                batchSize: count, composition: Composition(techniques))
            let run = try trainer.fit(data, epochs: 1)
            let kept = try #require(run.variables["BatchNorm/input.runningVariance"]).item
            let output = try run.predict(values.reshaped(to: [count, 1])).variance().item
            return (kept, output, run.diagnostics.map(\.identifier))
        }
        let dropout = Dropout(probability, at: .input)
        let norm = BatchNorm(at: .input, momentum: 1)
        let variance = values.variance().item
        let expected = (center * center + variance) / (1 - probability) - center * center
        let before = try learned(dropout, norm)
        #expect(before.diagnostics == ["dropout-before-batch-norm"])
        #expect(abs(before.kept - expected) < 0.03 * expected, "kept \(before.kept), expected \(expected)")
        #expect(
            abs(before.output - variance / expected) < 0.03, "put out \(before.output), expected \(variance / expected)"
        )
        let behind = try learned(norm, dropout)
        #expect(behind.diagnostics == [])
        #expect(abs(behind.kept - variance) < 0.01 * variance, "kept \(behind.kept), expected \(variance)")
        #expect(abs(behind.output - 1) < 0.01, "put out \(behind.output), expected 1")
    }

    /// van Laarhoven (2017): the function does not depend on the size of weights in front of a norm, their gradient is
    /// orthogonal to them and goes with 1/‖w‖, so all that L2 does to them is a larger effective learning rate η/‖w‖².
    @Test func `l2-before-norm: the penalty changes the size of weights, and not what the model computes`() throws {
        let data = try Problem.rows()
        let initial = Tensor.normal([10, 16], from: RandomStream(seed: 3, purpose: "weights"))
        struct Step {
            let gradient: Tensor
            let weights: Tensor
            let diagnostics: [String]
        }
        /// One step from a multiple of the weights; without a penalty the step is the gradient.
        func step(from scale: Float, rate: Float, _ techniques: any Technique...) throws -> Step {
            let model = Sequential {
                Linear(16, bias: false, weight: .values((initial * scale).scalars)); ReLU()
                Linear(3)
            }
            let norm = LayerNorm(at: .before("relu1"), epsilon: 1e-12)
            let trainer = Trainer(
                model, loss: .crossEntropy, optimizer: SGD(learningRate: rate), batchSize: 53,
                composition: Composition(techniques + [norm]))
            let run = try trainer.start(data, epochs: 2, seed: 1)
            let before = run.variables
            try run.step()
            guard let start = before["linear1.weight"], let after = run.variables["linear1.weight"] else {
                throw Broken(description: "the weights are missing")
            }
            return Step(
                gradient: (start - after) / rate, weights: after,
                diagnostics: run.diagnostics.map(\.identifier))
        }
        func dot(_ a: Tensor, _ b: Tensor) -> Float { (a * b).sum().item }
        func norm(_ a: Tensor) -> Float { dot(a, a).squareRoot() }

        let whole = try step(from: 1, rate: 1)
        let half = try step(from: 0.5, rate: 1)
        #expect(whole.diagnostics == [])
        let cosine = dot(whole.gradient, initial) / (norm(whole.gradient) * norm(initial))
        #expect(abs(cosine) < 1e-3, "the cosine of weights and gradient is \(cosine)")
        let ratio = norm(half.gradient) / norm(whole.gradient)
        #expect(abs(ratio - 2) < 0.01, "half the weights have \(ratio) times the gradient, expected 2")
        #expect(norm(whole.gradient) > 1e-3, "there must be a gradient")

        // The penalty alone: its step is along the weights, and the model computes the same.
        let strength: Float = 0.4
        let rate: Float = 1
        let penalized = try step(from: 1, rate: rate, L2(strength, on: .named("linear1.weight")))
        #expect(penalized.diagnostics == ["l2-before-norm"])
        let shrunk = initial * (1 - rate * strength) - whole.gradient * rate
        #expect(norm(penalized.weights - shrunk) < 1e-4 * norm(shrunk))
        // Equal to a step of the larger rate η/(1 − ηλ) without a penalty, up to the size that does not matter.
        let faster = initial - whole.gradient * (rate / (1 - rate * strength))
        let direction = dot(penalized.weights, faster) / (norm(penalized.weights) * norm(faster))
        #expect(abs(direction - 1) < 1e-5, "the cosine with the faster step is \(direction)")
        let plain = dot(penalized.weights, whole.weights) / (norm(penalized.weights) * norm(whole.weights))
        #expect(plain < direction, "the penalty must make the step longer")
    }
}
