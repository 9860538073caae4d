/// One training run: its variables, its history, and how far it is.
///
/// ``Trainer/fit(_:validation:epochs:until:seed:checkpoints:cancellation:observer:)`` drives a run to its end. A loop of
/// your own starts one with ``Trainer/start(_:validation:epochs:until:seed:checkpoints:cancellation:observer:)`` and calls
/// ``step()``. A run belongs to one thread at a time.
public final class Run {
    /// What is trained, and how.
    public let trainer: Trainer
    /// The random seed: initial parameters, order and noise are functions of it.
    public let seed: UInt64
    /// The number of epochs that were requested: the schedule's horizon.
    public let epochs: Int
    /// The number of epochs after which the run pauses, if that is before ``epochs``.
    public let pauseEpoch: Int?
    /// The warnings of the composition, and of what has changed since the checkpoint that the run resumes from.
    public let diagnostics: [Diagnostic]

    let train: Dataset
    let validation: Dataset?
    let model: BoundModel
    let state: RunState
    let trainingStep: TrainingStep
    private var checkpoints: CheckpointWriter?
    private let cancellation: Cancellation?
    private let observer: ((RunEvent) -> Void)?
    private var order: [Int32] = []
    private var epochStart = ContinuousClock.now

    init(
        trainer: Trainer, train: Dataset, validation: Dataset?, epochs: Int, until pauseEpoch: Int?, seed: UInt64,
        checkpoints: CheckpointPolicy?, cancellation: Cancellation?, observer: ((RunEvent) -> Void)?
    ) throws {
        guard epochs >= 0 else { throw TrainingError("the number of epochs must not be negative but is \(epochs)") }
        guard pauseEpoch.map({ $0 >= 0 }) ?? true else {
            throw TrainingError("the epoch to pause after must not be negative but is \(pauseEpoch ?? 0)")
        }
        try trainer.check(train, validation)
        self.trainer = trainer
        self.train = train
        self.validation = validation
        self.epochs = epochs
        self.pauseEpoch = pauseEpoch
        self.seed = seed
        self.cancellation = cancellation
        self.observer = observer
        self.checkpoints = try checkpoints.map(CheckpointWriter.init)

        let saved = try checkpoints?.load(note: { observer?(.noted($0)) })
        let bound = try trainer.bind(
            to: train.batch(train.order, 0..<min(train.count, trainer.batchSize)).input, seed: seed,
            stepsPerEpoch: trainer.stepsPerEpoch(train), loaded: saved?.loadedVariables,
            checking: CheckedSetting(hasValidation: validation != nil, epochs: epochs, sampleCount: train.count))
        (model, state, trainingStep) = (bound.model, bound.state, bound.step)
        diagnostics = (bound.checked?.warnings ?? []) + (saved?.changes(in: trainer) ?? [])
        try model.check(train, for: trainer.loss, name: "training")
        if let validation { try model.check(validation, for: trainer.loss, name: "validation") }
        if let saved { try saved.restore(self) }
        order = train.order(seed: seed, epoch: state.epoch)
        if state.end == nil { state.end = endOfEpochs }
        if state.end == nil {
            state.validatedVariables = nil
        } else {
            applyFinalVariables()
            self.checkpoints = nil
        }
        for diagnostic in diagnostics { observer?(.warned(diagnostic)) }
        observer?(.started(self, resumedFrom: saved?.place))
    }

    // MARK: Where the run is

    /// The records of the epochs that have ended.
    public var history: [EpochRecord] { state.history }
    /// Why the run has ended; nil while it has not.
    public var end: RunEnd? { state.end }
    /// The epoch, counted from 0.
    public var epoch: Int { state.epoch }
    /// The number of updates made.
    public var stepCount: Int { state.step }
    /// The number of steps in an epoch.
    public var stepsPerEpoch: Int { state.stepsPerEpoch }
    /// Whether the run has ended.
    public var isFinished: Bool { state.end != nil }
    /// Whether a ``Cancellation`` has ended the run.
    public var isCancelled: Bool { state.end == .cancelled }
    /// The mean loss of the epoch so far.
    public var currentLoss: Double { position > 0 ? state.lossSum / Double(position) : .nan }
    /// A copy of the variables.
    public var variables: Variables { model.tree.variables(state.parameters, state.states) }

    /// Puts variables in the place of the run's own of the same paths; the others stay.
    ///
    /// - Parameter variables: the variables, such as those of another run.
    /// - Throws: ``DataError`` if a path is unknown, or a shape differs; nothing has changed then.
    public func replaceVariables(_ variables: Variables) throws {
        let problems = model.tree.problems(with: variables)
        guard problems.isEmpty else {
            let paths = self.variables.entries.map(\.path).joined(separator: ", ")
            throw DataError("\(problems.joined(separator: "; ")). The run's variables are: \(paths)")
        }
        model.tree.assign(variables, to: state.parameters, state.states)
    }

    /// Where the next step begins in the epoch, in samples.
    private var position: Int { min(state.stepInEpoch * trainer.batchSize, train.count) }

    /// Calls a function with the name of each part of a step and of an epoch's end as it begins, for tests of the order.
    package func tracePath(_ partBegan: ((String) -> Void)?) { trainingStep.record.partBegan = partBegan }

    // MARK: Driving

    /// Continues until the run has ended.
    ///
    /// - Throws: what ``step()`` throws.
    public func finish() throws {
        while try step() {}
    }

    /// Makes one step; after the last of an epoch, validates and calls the callbacks.
    ///
    /// A checkpoint that cannot be saved while the run continues is noted (``RunEvent/noted(_:)``), and tried again when
    /// the next one is due.
    ///
    /// - Returns: whether the run continues.
    /// - Throws: ``TrainingError`` if a loss, gradient or update is not finite, a technique makes a mistake, or the run
    ///   cannot be saved when it ends. The variables are then those of the last good step.
    @discardableResult
    public func step() throws -> Bool {
        guard state.end == nil else { return false }
        if cancellation?.isCancelled == true {
            do {
                // Averages take the parameters' place in the middle of an epoch, too.
                let callbacks = EpochCallbacks(self, stepInfo, writesState: false)
                try end(.cancelled, validated: state.step > 0 ? callbacks.variablesForValidation() : nil)
            } catch let error where state.end == nil {
                throw failure(error, canSave: false)
            }
            return false
        }
        trainingStep.record.partBegan?("Batch")
        let start = position
        let stop = min(start + trainer.batchSize, train.count)
        let batch = train.batch(order, start..<stop)
        do {
            state.lossSum += try trainingStep(batch, stepInfo) * Double(stop - start)
        } catch {
            throw failure(error)
        }
        state.step += 1
        observer?(.stepped(self))
        if stop == train.count {
            do { try endEpoch() } catch let error where state.end == nil { throw failure(error, canSave: false) }
        } else if let checkpoints, checkpoints.isDue(afterSteps: state.step) {
            saveOrNote()
        }
        return state.end == nil
    }

    /// How far training is, and at which learning rate the next step is made.
    private var stepInfo: StepInfo {
        var factor = state.learningRateFactor
        if !trainer.schedule.isConstant {
            let (total, overflow) = stepsPerEpoch.multipliedReportingOverflow(by: epochs)
            factor *= Float(trainer.schedule.factor(state.step, stepsPerEpoch, overflow ? .max : total))
        }
        return StepInfo(
            epoch: state.epoch, step: state.stepInEpoch, globalStep: state.step,
            learningRate: trainer.optimizer.learningRate * factor, scheduleFactor: factor)
    }

    // MARK: Ending

    /// The end that the number of epochs brings; nil if there are more to run.
    private var endOfEpochs: RunEnd? {
        if state.epoch >= epochs { return .completed(epochs: epochs) }
        if let pauseEpoch, state.epoch >= pauseEpoch { return .paused(afterEpochs: state.epoch) }
        return nil
    }

    /// Ends the run with everything saved: the variables to continue with, and those that it is left with.
    private func end(_ end: RunEnd, validated: Variables? = nil) throws {
        trainingStep.record.partBegan?("RunState")
        state.end = end
        state.validatedVariables = validated
        defer {
            applyFinalVariables()
            checkpoints = nil
        }
        do { try checkpoints?.save(self) } catch { throw TrainingError(error, in: self) }
    }

    /// Leaves the run with the variables that a callback chose, the last listed if several did, else with those that
    /// were validated.
    private func applyFinalVariables() {
        let chosen = trainer.composition.techniques.compactMap { state.finalVariables[$0.name] }.last
        guard let final = chosen ?? state.validatedVariables else { return }
        model.tree.assign(final, to: state.parameters, state.states)
    }

    /// Ends the run because of an error, saved as it was after the last good step.
    private func failure(_ error: any Error, canSave: Bool = true) -> TrainingError {
        let error = TrainingError(error, in: self)
        state.end = .failed(error.description)
        guard checkpoints != nil else { return error }
        if error.leavesOptimizerAhead || !canSave {
            observer?(.noted("the run is not saved in the middle of what failed; the checkpoint before it stays"))
        } else {
            saveOrNote()
        }
        checkpoints = nil
        return error
    }

    private func saveOrNote() {
        do { try checkpoints?.save(self) } catch { observer?(.noted("\(error)")) }
    }

    // MARK: The end of an epoch

    /// The time that the steps of the epoch have taken so far, those before the run was resumed included.
    var epochSeconds: Double {
        state.stepInEpoch == 0 ? 0 : state.trainSeconds + (ContinuousClock.now - epochStart) / .seconds(1)
    }

    private func endEpoch() throws {
        let info = StepInfo(
            epoch: state.epoch, step: stepsPerEpoch, globalStep: state.step,
            learningRate: trainingStep.lastLearningRate, scheduleFactor: stepInfo.scheduleFactor)
        trainingStep.record.partBegan?("EpochRecord")
        var record = EpochRecord(
            epoch: state.epoch, steps: stepsPerEpoch, samples: train.count,
            trainLoss: state.lossSum / Double(train.count), penalties: trainingStep.penaltyMeans(steps: stepsPerEpoch),
            learningRate: Double(info.learningRate), seconds: epochSeconds)
        if let bad = state.parameters.values.firstIndex(where: { !$0.isFinite }) {
            throw Diagnosis(model, state, info).badUpdate(
                of: model.tree.layout.parameters[bad].path, [], isAhead: true)
        }
        let callbacks = trainingStep.table.callbacks.isEmpty ? nil : EpochCallbacks(self, info)
        let validated = try callbacks?.variablesForValidation()
        let values = validated.map { model.tree.values($0, over: state.parameters, state.states) }
        func measure(_ data: Dataset) throws -> Evaluation {
            try self.evaluation(data, values?.parameters ?? state.parameters, values?.states ?? state.states)
        }
        let evaluation = try validation.map(measure)
        record.validationLoss = evaluation?.loss
        record.validationMetrics = evaluation?.metrics ?? []
        if trainer.evaluatesTraining { record.trainEvaluation = try measure(train) }
        let stop = try callbacks?.callBack(&record, validated: validated)
        record.costs = trainingStep.takeCosts()

        state.history.append(record)
        state.beginEpoch()
        defer { epochStart = ContinuousClock.now }
        let cancelled: RunEnd? = cancellation?.isCancelledAfterEpoch == true ? .cancelled : nil
        if let reason = stop ?? endOfEpochs ?? cancelled {
            defer { observer?(.epochEnded(self, record)) }
            return try end(reason, validated: validated)
        }
        order = train.order(seed: seed, epoch: state.epoch)
        trainingStep.record.partBegan?("RunState")
        if let checkpoints, checkpoints.isDue(afterEpochs: state.epoch) || checkpoints.isDue(afterSteps: state.step) {
            saveOrNote()
        }
        observer?(.epochEnded(self, record))
    }
}
