import Ballast
import BallastTesting
import OutsideTechniques
import Synchronization
import Testing

/// Each technique against a closed form, or numbers of PyTorch 2.15.0.
struct TechniqueValueTests {
    private func expectClose(
        _ tensor: Tensor?, _ expected: [Float], tolerance: Float = 1e-6, location: SourceLocation = #_sourceLocation
    ) throws {
        let scalars = try #require(tensor, sourceLocation: location).scalars
        let isClose = scalars.count == expected.count && zip(scalars, expected).allSatisfy { abs($0 - $1) <= tolerance }
        #expect(isClose, "\(scalars) is not \(expected)", sourceLocation: location)
    }

    /// Linear regression of one sample: x = (1, −2), w = (0.5, −0.25), y = 0, so that the output and its error are 1.
    private func regression(learningRate: Float = 0.1) throws -> TechniqueHarness {
        try TechniqueHarness(
            Linear(1), input: Tensor([[1, -2]]), target: Tensor([[0]]), loss: .meanSquaredError,
            parameters: ["weight": Tensor([[0.5], [-0.25]]), "bias": Tensor([0])], learningRate: learningRate)
    }

    @Test func `label smoothing: the targets, and the loss of PyTorch`() throws {
        let harness = try TechniqueHarness(
            Linear(4), input: Tensor([[1]]), target: Tensor(integers: [1]),
            parameters: ["weight": Tensor([[2, 1, 0, -1]]), "bias": .zeros([4])])
        let trace = try harness.train(LabelSmoothing(0.1))
        try expectClose(trace.calls[0].returned["target"], [0.025, 0.925, 0.025, 0.025])
        // F.cross_entropy(torch.tensor([[2., 1, 0, -1]]), torch.tensor([1]), label_smoothing=0.1)
        #expect(abs(trace.history[0].trainLoss - 1.4901896715) < 1e-6)
    }

    @Test func `max-norm: units of a linear layer are columns, those of a convolution are kernels`() throws {
        let linear = try TechniqueHarness(
            Linear(2), input: Tensor([[1, 1]]), target: Tensor([[0, 0]]), loss: .meanSquaredError,
            parameters: ["weight": Tensor([[3, 0.3], [4, 0.4]])], learningRate: 0)
        try expectClose(linear.train(MaxNorm(1)).variables["weight"], [0.6, 0.3, 0.8, 0.4])
        let convolution = try TechniqueHarness(
            Conv2d(2, kernel: 1), input: .ones([1, 2, 1, 1]), target: .zeros([1, 2, 1, 1]), loss: .meanSquaredError,
            parameters: ["weight": Tensor([3, 4, 0.3, 0.4], shape: [2, 2, 1, 1])], learningRate: 0)
        try expectClose(convolution.train(MaxNorm(1)).variables["weight"], [0.6, 0.8, 0.3, 0.4])
    }

    @Test func `R-Drop: the divergence of PyTorch, and nothing without noise`() throws {
        // F.kl_div(p, q, reduction="batchmean", log_target=True) + F.kl_div(q, p, ...) of the log-softmaxes.
        let divergence = RDrop.divergence(
            Tensor([[1, 0.5, -0.25], [0.2, -1, 2]]), Tensor([[0, 1.5, 0.25], [1.2, 0, 1]]))
        try expectClose(divergence, [0.80761826])
        let harness = try TechniqueHarness(
            Linear(3), input: Tensor([[1, 2], [0, 1]]), target: Tensor(integers: [0, 2]))
        let (with, without) = (try harness.train(RDrop(5)), try harness.train(RDrop(0)))
        #expect(with.calls[0].returned["penalty"]?.item == 0)
        #expect(with.gradients["weight"]?.scalars == without.gradients["weight"]?.scalars)
    }

    @Test func `adversarial training: x moves by ε along the sign of 2 (ŷ − y) w`() throws {
        let trace = try regression().train(AdversarialTraining(0.05))
        try expectClose(trace.calls[0].returned["input"], [1.05, -2.05])
    }

    @Test func `a penalty of the input's gradient: 4 (ŷ − y)² ‖w‖², and its gradient`() throws {
        let trace = try regression().train(InputGradientPenalty(1, step: 1e-3))
        try expectClose(trace.calls[0].returned["penalty"], [1.25], tolerance: 2e-3)
        // That of the data, 2 e x, and 8 e ‖w‖² x + 8 e² w.
        try expectClose(trace.gradients["weight"], [8.5, -11], tolerance: 0.03)
    }

    @Test func `manifold mixup: activations are mixed by the partners and shares of the targets`() throws {
        // Inputs and targets are both the unit vectors, so both become the matrix of shares.
        let unit = Tensor((0..<25).map { $0 % 6 == 0 ? 1 : 0 }, shape: [5, 5])
        let harness = try TechniqueHarness(
            Sequential { Linear(5) }, input: unit, target: Tensor(integers: [0, 1, 2, 3, 4]))
        let trace = try harness.train(ManifoldMixup(before: ["linear1"]), steps: 4)
        let batches = trace.calls.filter { $0.place == "batch" }
        let layers = trace.calls.filter { $0.place == "before linear1" && $0.isTraining }
        #expect(batches.count == 4 && layers.count == 4)
        for (batch, layer) in zip(batches, layers) {
            #expect(layer.returned["output"]?.scalars == batch.returned["target"]?.scalars)
            try expectClose(layer.returned["output"]?.sum(axes: [0]), [1, 1, 1, 1, 1])
        }
        #expect(Set(layers.map { $0.returned["output"]?.scalars }).count > 1)
    }

    @Test func `a moving average of w, which gradient descent on w² multiplies by 1 − 2 η`() throws {
        let harness = try TechniqueHarness(
            Scale(), input: Tensor([[1]]), target: Tensor([[0]]), loss: .meanSquaredError,
            parameters: ["factor": Tensor([1])], learningRate: 0.1)
        let trace = try harness.train(ExponentialAverage(0.75), steps: 6)
        let values = (1...6).map { step in (0..<step).reduce(Float(1)) { value, _ in value * 0.8 } }
        let average = values.dropFirst().reduce(values[0]) { $0 * 0.75 + $1 * 0.25 }
        try expectClose(trace.calls.last { $0.place == "validation" }?.returned["factor"], [average])
        try expectClose(trace.variables["factor"], [average])
    }

    @Test func `averaged weights get the statistics that belong to them`() throws {
        let (data, validation) = (Scene.perceptron.data.prefix(8), Scene.perceptron.validation)
        let trainer = Trainer(
            Sequential {
                Flatten()
                Linear(3)
                RunningMean()
            }, loss: .crossEntropy, optimizer: SGD(learningRate: 0.5), batchSize: 4
        ) {
            Centering()
            StochasticWeightAveraging()
        }
        let run = try trainer.fit(data, validation: validation, epochs: 3)
        let inputs = try #require(data.batches(ofSize: 8).first { _ in true }).input.flattened(from: 1)
        let weight = try #require(run.variables["linear1.weight"])
        let bias = try #require(run.variables["linear1.bias"])
        let expected = (matmul(inputs, weight) + bias).mean(axes: [0])
        try expectClose(run.variables["Centering/linear1.runningMean"], expected.scalars)
        // A layer's own statistics are estimated like those of a technique. Here they are of what was centered.
        try expectClose(run.variables["runningMean1.mean"], [0, 0, 0])
        #expect(run.variables["runningMean1.first"]?.scalars == [0])
    }

    @Test func `passes that estimate statistics anew know the step that training has reached`() throws {
        let steps = StepRecorder()
        let trainer = Scene.perceptron.trainer {
            steps
            StochasticWeightAveraging()
        }
        _ = try trainer.fit(Scene.perceptron.data, validation: Scene.perceptron.validation, epochs: 2)
        #expect(steps.seen == [3, 6])
    }

    @Test func `stochastic depth: a branch gives nothing or F / (1 − p), and no gradient where it is skipped`() throws {
        let harness = try TechniqueHarness(
            Sequential { Residual { Linear(2) } }, input: Tensor([[1, 2]]), target: Tensor([[0, 0]]),
            loss: .meanSquaredError,
            parameters: [
                "residual1.branch.linear1.weight": Tensor([[1, 0], [0, 1]]),
                "residual1.branch.linear1.bias": Tensor([0, 0]),
            ], learningRate: 0)
        let trace = try harness.train(StochasticDepth(0.2), steps: 200)
        let outputs = trace.calls.filter(\.isTraining).compactMap { $0.returned["output"]?.scalars }
        #expect(outputs.count == 200 && Set(outputs) == [[0, 0], [1.25, 2.5]])
        // 160 are expected; the deviation is √(200 · 0.2 · 0.8) = 5.7.
        #expect((132...188).contains(outputs.filter { $0 != [0, 0] }.count))
        let steps = try #require(outputs.firstIndex(of: [0, 0])) + 1
        let skipped = try harness.train(StochasticDepth(0.2), steps: steps)
        #expect(skipped.gradients["residual1.branch.linear1.weight"]?.scalars == [0, 0, 0, 0])
    }

    @Test func `spectral norm: the weight diag(3, 1) becomes diag(1, 1/3)`() throws {
        let harness = try TechniqueHarness(
            Sequential { Linear(2) }, input: Tensor([[1, 0], [0, 1]]), target: .zeros([2, 2]),
            loss: .meanSquaredError,
            parameters: ["linear1.weight": Tensor([[3, 0], [0, 1]]), "linear1.bias": Tensor([0, 0])], learningRate: 0)
        let trace = try harness.train(SpectralNorm(), steps: 15)
        try expectClose(trace.calls.last { $0.isTraining }?.returned["output"], [1, 0, 0, 1.0 / 3])
    }

    @Test func `centers move toward the mean output of their class`() throws {
        let harness = try TechniqueHarness(
            Linear(2), input: Tensor([[1, 0], [0, 1], [1, 1]]), target: Tensor(integers: [0, 1, 0]),
            parameters: ["weight": Tensor([[1, 2], [3, 4]]), "bias": Tensor([0, 0])], learningRate: 0.5)
        let trace = try harness.train(CenterLoss(0.3))
        // Outputs are (1, 2), (3, 4) and (4, 6): 0.3 / 2 · 82 / 3.
        try expectClose(trace.calls[0].returned["penalty"], [4.1], tolerance: 1e-5)
        // η λ / 3 times the sums of each class.
        try expectClose(trace.variables["CenterLoss/centers"], [0.25, 0.4, 0.15, 0.2])
    }
}

/// Records the steps at which statistics are estimated.
private final class StepRecorder: LayerWrapper {
    private let steps = Mutex<Set<Int>>([])

    var sites: [Site] { [.output] }
    var seen: Set<Int> { steps.withLock { $0 } }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        if context.statisticsBatch != nil { steps.withLock { _ = $0.insert(context.globalStep) } }
        return call.next()
    }
}

/// y = factor · x.
private struct Scale: Layer {
    func forward(_ x: Tensor, in scope: Scope) -> Tensor { x * scope.parameter("factor", [1], initial: .ones) }
}

/// Keeps the mean of what flows through, and which batch was the first of those it was estimated on.
private struct RunningMean: Layer {
    func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        let mean = scope.state("mean", [x.shape[1]], initial: .ones)
        let first = scope.state("first", [1], initial: .constant(-1))
        guard scope.isTraining else { return x }
        mean.blend(x.mean(axes: [0]), weight: scope.statisticsBatch.map { 1 / Float($0 + 1) } ?? 0.1)
        if let batch = scope.statisticsBatch, first.value.item < 0 { first.value = Tensor([Float(batch)]) }
        return x
    }
}

/// Subtracts the batch's mean in training, and its running mean in evaluation.
private struct Centering: LayerWrapper {
    var sites: [Site] { [.after(.kind("linear"))] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        let running = context.scope.state("runningMean", [call.input.shape[1]], initial: .zeros)
        guard context.isTraining else { return call.input - running.value }
        let mean = call.input.mean(axes: [0])
        running.blend(mean.detached, weight: context.statisticsBatch.map { 1 / Float($0 + 1) } ?? 0.1)
        return call.input - mean
    }
}
