public import BallastCore

/// Calls the hooks of a technique on the tensors of a test, by training steps of a small model.
///
/// ```swift
/// let harness = try TechniqueHarness(
///     Linear(1), input: Tensor([[1, 2]]), target: Tensor([[3]]), loss: .meanSquaredError,
///     parameters: ["weight": Tensor([[0.5], [0.25]]), "bias": Tensor([0])])
/// let trace = try harness.train(L2(0.1))
/// print(trace.calls[0].returned["penalty"])  // 0.015625 = 0.1 / 2 · (0.5² + 0.25²)
/// ```
///
/// The technique is called by a trainer, as in any run: with the contexts, the checks and the order of one.
public struct TechniqueHarness {
    private let trainer: Trainer
    private let data: Dataset
    private let given: GivenBatch
    private let parameters: [String: Tensor]
    private let seed: UInt64

    /// Creates a harness.
    ///
    /// - Parameters:
    ///   - model: the model; its only layer has the path "", those of a `Sequential` have paths such as `linear1`.
    ///   - input: the batch of every step, `[batch, ...]`; its rows come in this order.
    ///   - target: the targets that belong to it.
    ///   - loss: the loss.
    ///   - parameters: the values of parameters by path, before the first step; others begin as the model says.
    ///   - learningRate: the learning rate of plain gradient descent.
    ///   - seed: the random seed.
    /// - Throws: ``/Ballast/DataError`` if the tensors do not make a data set.
    public init(
        _ model: some Layer, input: Tensor, target: Tensor, loss: Loss = .crossEntropy,
        parameters: [String: Tensor] = [:], learningRate: Float = 0.1, seed: UInt64 = 0
    ) throws {
        data = try Dataset(inputs: Column(rowsOf: input), targets: Column(rowsOf: target))
        trainer = Trainer(
            model, loss: loss, optimizer: SGD(learningRate: learningRate), batchSize: max(data.count, 1),
            composition: Composition([]))
        given = GivenBatch(input: .init(input), target: .init(target))
        self.parameters = parameters
        self.seed = seed
    }

    /// Makes training steps, each an epoch of its own, which is validated on the batch.
    ///
    /// - Parameters:
    ///   - technique: the technique.
    ///   - steps: the number of steps.
    /// - Returns: the calls of its hooks, and what the run became.
    /// - Throws: what training throws, such as the ``/Ballast/TechniqueError`` of a mistake.
    public func train(_ technique: some Technique, steps: Int = 1) throws -> HookTrace {
        let (recorder, catcher) = (EffectRecorder(), GradientCatcher())
        let run = try start([given, recording(technique, in: recorder, detail: .values), catcher], epochs: steps)
        let first = recorder.entries.count
        try run.finish()
        return HookTrace(
            calls: recorder.entries[first...].map(HookCall.init),
            gradients: run.variables.parameters.reduce(into: [:]) { gradients, entry in
                gradients[entry.path] = catcher.gradients[entry.path].map { Tensor($0, shape: entry.value.shape) }
            }, history: run.history, variables: run.variables)
    }

    /// Makes a prediction for the batch, in evaluation.
    ///
    /// - Returns: the model's output, and the calls of the technique's hooks.
    /// - Throws: what predicting throws.
    public func evaluate(_ technique: some Technique) throws -> (output: Tensor, calls: [HookCall]) {
        let recorder = EffectRecorder()
        let run = try start([recording(technique, in: recorder, detail: .values)], epochs: 1)
        let first = recorder.entries.count
        let output = try run.predict(given.input.tensor)
        return (output, recorder.entries[first...].map(HookCall.init))
    }

    private func start(_ techniques: [any Technique], epochs: Int) throws -> Run {
        let run = try trainer.composing(Composition(techniques)).start(
            data, validation: data, epochs: epochs, seed: seed)
        try run.replaceVariables(
            Variables(
                entries: parameters.sorted { $0.key < $1.key }.map {
                    .init(path: $0.key, role: .weight, value: $0.value)
                }))
        return run
    }
}

/// What a technique's hooks were given and returned in some training steps, and what the run became.
public struct HookTrace {
    /// The calls of the technique's hooks, in order; the first pass, which only declares variables, is left out.
    public let calls: [HookCall]
    /// The gradients of the last step by path, as the optimizer sees them.
    public let gradients: [String: Tensor]
    /// The record of each step, which is an epoch of its own.
    public let history: [EpochRecord]
    /// The variables that the run was left with.
    public let variables: Variables

    /// The calls of a hook.
    public func calls(of hook: Hook) -> [HookCall] { calls.filter { $0.hook == hook } }
}

/// A call of a hook.
public struct HookCall {
    /// The hook.
    public let hook: Hook
    /// Where: `batch`, `around linear1`, the stage `gradient`, `update` or `applied`, or `validation` and `end` of an
    /// epoch.
    public let place: String
    /// The number of updates made before.
    public let step: Int
    /// Whether the pass trains.
    public let isTraining: Bool
    /// What the hook was given: `input` and `target` of a batch, the `input` of a site, gradients by path.
    public let given: [String: Tensor]
    /// What it returned: `input` and `target` of a batch, the `output` of a site, `penalty`, gradients by path, and the
    /// parameters that a callback offers, by path.
    public let returned: [String: Tensor]
    /// Why a callback stops the run; nil if it does not.
    public let stopReason: String?
    /// What a callback multiplies the learning rate by; nil if it does not.
    public let learningRateFactor: Float?

    init(_ entry: EffectRecorder.Entry) {
        hook = entry.hook
        place = entry.place
        step = entry.step
        isTraining = entry.isTraining
        given = entry.given.mapValues(\.tensor)
        returned = entry.returned.mapValues(\.tensor)
        stopReason = entry.stopReason
        learningRateFactor = entry.learningRateFactor
    }
}

/// Puts the rows of a batch in the order in which a test has them.
private struct GivenBatch: BatchWrapper {
    let input: EffectRecorder.Values
    let target: EffectRecorder.Values

    var name: String { "given batch" }

    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        var batch = batch
        batch.input = input.tensor
        batch.target = target.tensor
        return batch
    }
}

extension Column {
    fileprivate init(rowsOf tensor: Tensor) throws {
        let shape = Shape(tensor.shape.dropFirst())
        self =
            tensor.scalarType == .int32
            ? try Column(integers: tensor.integers, itemShape: shape)
            : try Column(floats: tensor.scalars, itemShape: shape)
    }
}
