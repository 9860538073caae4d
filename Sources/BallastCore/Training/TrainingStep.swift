internal import Tensors

/// Makes the steps of a run: batch in, loss out.
///
/// The path of a batch, in the order in which it happens:
///
/// 1. `Run.step` takes the next rows of the epoch's order from the `Dataset` as a `Batch`, and the learning rate from
///    the `Schedule`, as a `StepInfo`.
/// 2. `BatchCalls` hands the batch to each `BatchWrapper`, through a `BatchContext`.
/// 3. `TrainingStep` makes a `Pass`: the phase, where operations are recorded, the run's `ParameterValues` and
///    `StateValues`, and the `Draw`.
/// 4. `BoundModel` runs the model at the root `ScopeNode`. Each `Layer` gets a `Scope`, its place in the pass; where
///    techniques act, an `Interception` calls each `LayerWrapper` with a `LayerCall` and a `LayerContext`.
/// 5. The `Loss` of output and targets, and each `LossPenalty` with its `Parameters` and a `PenaltyContext`, are the
///    scalars that the backward pass starts from; the `Tape` leaves a gradient for each parameter.
/// 6. `ParameterUpdate` hands the `Gradients` to each `GradientTransform` of the stage `.gradient`, and what becomes of
///    them to the stage `.update`. The `Optimizer` makes the updates when the first of them is looked at, and otherwise
///    in the pass that adds them to the parameters. The stage `.applied` is handed the new values. Without transforms,
///    all of this is one call of a kernel.
/// 7. `Run.step` counts the step. At the end of an epoch, `Run.endEpoch` makes an `EpochRecord`, validates, calls each
///    `EpochCallback` with the record, and saves a checkpoint of the `RunState`.
///
/// A batch that is cut into shards takes steps 3 to 5 for each shard; a fixed tree adds the gradients.
final class TrainingStep {
    let trainer: Trainer
    let table: HookTable
    let model: BoundModel
    let state: RunState
    let tape = Tape.acquire()
    let record = PassRecord()
    let costs: CostMeter
    private let batches: BatchCalls
    private let penalty: PenaltyCalls
    private let update: ParameterUpdate
    /// The learning rate of the last step.
    private(set) var lastLearningRate: Float = 0
    /// The penalties of the step that is being made.
    private var stepPenalties: [Double]
    private var measuredSteps = 0
    private var measuredTime = Duration.zero

    init(_ trainer: Trainer, _ table: HookTable, _ model: BoundModel, _ state: RunState) {
        self.trainer = trainer
        self.table = table
        self.model = model
        self.state = state
        costs = CostMeter(accounts: table.techniques.count * Hook.allCases.count)
        batches = BatchCalls(trainer, table, model)
        penalty = PenaltyCalls(trainer, table, model)
        update = ParameterUpdate(trainer.optimizer, table, model, state, tape, record)
        stepPenalties = state.penaltySums
        update.gradientsAt = { [unowned self] in try gradients(at: $0, $1, $2) }
        update.culprit = { [unowned self] in culprit(of: $0, $1, $2) }
        tape.backwardTimer = { [unowned costs] owner, time in costs.add(time, to: owner) }
        tape.reset(leafCount: state.parameters.values.count)
    }

    deinit { tape.release() }

    /// Makes a step, and returns the mean loss of the batch, without penalties.
    ///
    /// - Throws: ``TrainingError`` or ``TechniqueError``; variables and sums are then those of before the step.
    func callAsFunction(_ batch: Batch, _ info: StepInfo) throws -> Double {
        let start: ContinuousClock.Instant? = CostMeter.measures(step: info.globalStep) ? .now : nil
        record.costs = start == nil ? nil : costs
        if start != nil { _ = costs.charge(CostMeter.model) }
        let (values, numbers, snapshots) = (state.states.values, state.states.numbers, state.states.snapshots)
        defer { tape.reset(leafCount: state.parameters.values.count) }
        do {
            let original = batch
            let batch = try batches(batch, pass(info, tape: nil))
            let loss = try objective(batch, info) { batches.spoiler(of: original, pass(info, tape: nil)) }
            try update(batch, info)
            for index in stepPenalties.indices { state.penaltySums[index] += stepPenalties[index] }
            lastLearningRate = info.learningRate
            if let start {
                measuredSteps += 1
                measuredTime += ContinuousClock.now - start
            }
            return loss
        } catch {
            state.states.restore(values, numbers, snapshots)
            throw error
        }
    }

    /// A pass of the training phase over the run's variables.
    private func pass(_ info: StepInfo, shard: Int = 0, tape: Tape?) -> Pass {
        Pass(
            .training, parameters: state.parameters, states: state.states, tape: tape, writesState: true,
            draw: .step(info.globalStep, shard: shard), info: info, record: record)
    }

    // MARK: The objective

    /// Runs forward and backward; leaves the gradients on the tape, and returns the loss of the data. Once the loss is not
    /// finite, `spoiler` tells the technique that made the batch so.
    private func objective(_ batch: Batch, _ info: StepInfo, spoiler: () -> String?) throws -> Double {
        for index in stepPenalties.indices { stepPenalties[index] = 0 }
        guard trainer.shards > 1, batch.count > 1 else {
            return try objective(batch, info, shard: 0, weight: 1, spoiler)
        }
        let shards = batch.shards(trainer.shards)
        var losses: [Double] = []
        var sum = GradientSum(leafCount: state.parameters.values.count)
        for (shard, part) in shards.enumerated() {
            let weight = Float(part.count) / Float(batch.count)
            losses.append(try objective(part, info, shard: shard, weight: weight, spoiler) * Double(weight))
            sum.add(tape)
        }
        sum.put(on: tape)
        return losses.reduce(0, +)
    }

    private func objective(
        _ batch: Batch, _ info: StepInfo, shard: Int, weight: Float, _ spoiler: () -> String?
    ) throws -> Double {
        record.reset()
        record.partBegan?("Pass")
        let pass = pass(info, shard: shard, tape: tape)
        record.partBegan?("BoundModel")
        let output = model.run(batch.input, in: pass)
        try record.throwFailure()
        record.partBegan?("Loss")
        let loss = trainer.loss(output, batch.target)
        let value = loss.item
        guard value.isFinite else { throw diagnosis(info).badLoss(value, batch, pass, spoiler) }
        tape.seed(weight == 1 ? loss : loss * weight)
        for position in table.penalties.indices {
            record.partBegan?("LossPenalty")
            let term = try penalty(position, batch, output, pass)
            let value = term.item
            guard value.isFinite else {
                throw diagnosis(info).badPenalty(value, of: table.penalties[position].technique.name)
            }
            tape.seed(weight == 1 ? term : term * weight)
            stepPenalties[position] += Double(value) * Double(weight)
        }
        record.partBegan?("Tape")
        tape.backward()
        return Double(value)
    }

    /// The mean of each penalty over the epoch's steps.
    func penaltyMeans(steps: Int) -> [NamedValue] {
        zip(table.penalties, state.penaltySums).map { NamedValue($0.technique.name, $1 / Double(steps)) }
    }

    // MARK: Other passes

    /// What an objective is made of.
    private enum Term {
        case data
        case penalty(Int)
    }

    /// The gradients of a batch's objective at other parameter values, leaving everything else as it is; NaN where the
    /// objective is not finite.
    private func gradients(
        at values: ParameterValues, _ batch: Batch, _ info: StepInfo, of terms: [Term]? = nil
    ) throws -> [Tensor] {
        let terms = terms ?? [.data] + table.penalties.indices.map { .penalty($0) }
        let inner = Tape.acquire()
        defer { inner.release() }
        let shards = batch.shards(trainer.shards)
        var sum = GradientSum(leafCount: values.values.count)
        var isFinite = true
        for (shard, part) in shards.enumerated() {
            inner.reset(leafCount: values.values.count)
            let other = PassRecord()
            other.costs = record.costs
            let pass = Pass(
                .training, parameters: values, states: state.states, tape: inner, writesState: false,
                draw: .step(info.globalStep, shard: shard), info: info, record: other)
            let output = model.run(part.input, in: pass)
            try other.throwFailure()
            let weight = Float(part.count) / Float(batch.count)
            for term in terms {
                let value =
                    switch term {
                    case .data: trainer.loss(output, part.target)
                    case .penalty(let position): try penalty(position, part, output, pass)
                    }
                isFinite = isFinite && value.item.isFinite
                inner.seed(weight == 1 ? value : value * weight)
            }
            inner.backward()
            sum.add(inner)
        }
        return sum.values(values).map { isFinite ? $0 : .full($0.shape, .nan) }
    }

    /// The term that makes the gradient of a parameter what is not finite; nil if it is finite in all of them.
    private func culprit(of index: Int, _ batch: Batch, _ info: StepInfo) -> String? {
        func isBad(_ term: Term) -> Bool {
            (try? gradients(at: state.parameters, batch, info, of: [term])[index].isFinite) == false
        }
        if isBad(.data) { return "the loss of the data (a layer, the loss or hook forwardWrapper)" }
        guard let position = table.penalties.indices.first(where: { isBad(.penalty($0)) }) else { return nil }
        return "the penalty of \"\(table.penalties[position].technique.name)\" (hook lossPenalty)"
    }

    private func diagnosis(_ info: StepInfo) -> Diagnosis { Diagnosis(model, state, info) }

    // MARK: Costs

    /// What each technique's hooks have cost since the last call: seconds per step, or per epoch for callbacks.
    func takeCosts() -> [HookCost] {
        guard costs.hasTimes else { return [] }
        defer {
            costs.reset()
            measuredSteps = 0
            measuredTime = .zero
        }
        return table.techniques.enumerated().flatMap { index, technique in
            Hook.allCases.compactMap { hook in
                let sum = costs.times[Int(HookTable.account(index, hook))]
                guard sum > .zero else { return nil }
                let perStep = hook != .epochCallback
                return HookCost(
                    technique: technique.name, hook: hook,
                    seconds: sum / .seconds(1) / Double(perStep ? max(measuredSteps, 1) : 1),
                    share: perStep && measuredTime > .zero ? sum / measuredTime : nil)
            }
        }
    }
}
