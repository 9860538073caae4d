/// One training run: its variables, its history, and how far it is.
///
/// ``Trainer/fit(_:validation:epochs:seed:checkpoints:cancellation:observer:)`` drives a run to its end. Whoever wants
/// a loop of their own starts one with ``Trainer/start(_:validation:epochs:seed:checkpoints:cancellation:observer:)``
/// and calls ``step()``. A run belongs to one thread at a time.
public final class Run {
    /// What is trained, and how.
    public let trainer: Trainer
    /// What initial parameters, order and noise depend on.
    public let seed: UInt64
    /// The number of epochs that were asked for.
    public let epochs: Int
    /// The warnings of the composition, and of what has changed since the checkpoint that the run goes on from.
    public let findings: [Finding]
    /// The accounts of the epochs that have ended.
    public internal(set) var history: [EpochRecord] = []
    /// Why the run has ended; nil while it goes on.
    public internal(set) var stopReason: String?

    let train: Dataset
    let validation: Dataset?
    let checkpoints: CheckpointPolicy?
    let cancellation: Cancellation?
    let observer: ((RunEvent) -> Void)?
    let runner: ModelRunner
    let stepper: Stepper

    /// Where the next step begins in the epoch, in samples.
    var position = 0
    var lossSum = 0.0
    var learningRateFactor: Float = 1
    /// The variables that callbacks chose for the end of a run that could go on: a checkpoint keeps them beside those
    /// that training would go on with.
    var result: Variables?
    var trainSeconds = 0.0
    private var order: [Int32] = []
    private var epochStart = ContinuousClock.now

    private static let cancelled = "cancelled"

    var execution: Execution { runner.execution }

    init(
        trainer: Trainer, train: Dataset, validation: Dataset?, epochs: Int, seed: UInt64,
        checkpoints: CheckpointPolicy?, cancellation: Cancellation?, observer: ((RunEvent) -> Void)?
    ) throws {
        guard epochs >= 0 else { throw TrainingError("the number of epochs must not be negative but is \(epochs)") }
        guard train.count > 0 else { throw DataError("the training data has no samples") }
        if let validation, validation.count == 0 {
            throw DataError("the validation data has no samples; leave it out instead")
        }
        self.trainer = trainer
        self.train = train
        self.validation = validation
        self.epochs = epochs
        self.seed = seed
        self.checkpoints = checkpoints
        self.cancellation = cancellation
        self.observer = observer

        let saved = try checkpoints?.load(note: { observer?(.noted($0)) })
        let store = VariableStore()
        if let saved { saved.fill(store) }
        runner = ModelRunner(trainer.model, composition: trainer.composition, seed: seed, store: store)
        stepper = Stepper(trainer, runner)
        runner.declare(with: train.batch(train.order, 0..<min(train.count, trainer.batchSize)).input)
        stepper.declareSlots()
        findings =
            try Composer(
                trainer, runner, hasValidation: validation != nil, epochs: epochs, sampleCount: train.count
            ).check() + (saved?.changes(in: trainer) ?? [])
        try runner.check(train, for: trainer.loss, name: "training")
        if let validation { try runner.check(validation, for: trainer.loss, name: "validation") }
        if let saved { try saved.restore(self) }
        order = train.order(seed: seed, epoch: execution.epoch)
        if history.count >= epochs, stopReason == nil {
            end("all \(epochs) epochs done")
        }
        if stopReason != nil, let result { execution.store.variables = result }
        result = nil
        for finding in findings { observer?(.warned(finding)) }
        observer?(.started(self, resumedFrom: saved?.place))
    }

    // MARK: Where the run is

    /// The epoch, counted from 0.
    public var epoch: Int { execution.epoch }
    /// The number of updates made.
    public var stepCount: Int { execution.globalStep }
    /// The number of steps in an epoch.
    public var stepsPerEpoch: Int { (train.count + trainer.batchSize - 1) / trainer.batchSize }
    /// Whether the run has ended.
    public var isFinished: Bool { stopReason != nil }
    /// Whether a ``Cancellation`` has ended the run before its end.
    public var isCutShort: Bool { stopReason == Run.cancelled }
    /// The mean loss of the epoch so far.
    public var currentLoss: Double { position > 0 ? lossSum / Double(position) : .nan }
    /// A copy of the variables.
    public var variables: Variables {
        get { execution.store.variables }
        set { execution.store.variables = newValue }
    }

    // MARK: Driving

    /// Goes on until the run has ended.
    ///
    /// - Throws: what ``step()`` throws.
    public func finish() throws {
        while try step() {}
    }

    /// Makes one step; after the last of an epoch, validates and calls the callbacks.
    ///
    /// - Returns: whether the run goes on.
    /// - Throws: ``TrainingError`` if the loss or a gradient is not finite, ``CheckpointError`` if saving fails. The
    ///   variables stay those of the last good step.
    @discardableResult
    public func step() throws -> Bool {
        guard stopReason == nil else { return false }
        if let cancellation, cancellation.isCancelled {
            try interrupt(Run.cancelled)
            return false
        }
        let start = position
        let stop = min(start + trainer.batchSize, train.count)
        execution.scheduleFactor = scheduleFactor()
        execution.learningRate = trainer.optimizer.learningRate * execution.scheduleFactor
        let batch = train.batch(order, start..<stop)
        do {
            lossSum += try stepper.step(batch) * Double(stop - start)
        } catch {
            stopReason = "error"
            if (error as? TrainingError)?.leavesOptimizerAhead == true {
                if checkpoints != nil {
                    observer?(
                        .noted(
                            "the optimizer has made the step that failed, so the run is not saved; the checkpoint before it stays"
                        ))
                }
            } else {
                saveOrNote()
            }
            throw error
        }
        position = stop
        execution.step += 1
        execution.globalStep += 1
        if let observer { observer(.stepped(self)) }
        if stop == train.count {
            try endEpoch()
        } else if let checkpoints, checkpoints.isDue(afterSteps: execution.globalStep) {
            try checkpoints.save(self)
        }
        return stopReason == nil
    }

    private func scheduleFactor() -> Float {
        guard !trainer.schedule.isConstant else { return learningRateFactor }
        let perEpoch = stepsPerEpoch
        return learningRateFactor
            * Float(trainer.schedule.factor(execution.globalStep, perEpoch, perEpoch * epochs))
    }

    private func end(_ reason: String) { stopReason = reason }

    /// Saves the last good state beside an error that matters more than one of saving.
    private func saveOrNote() {
        do { try checkpoints?.save(self) } catch { observer?(.noted("\(error)")) }
    }

    /// Ends before the end, with everything saved.
    private func interrupt(_ reason: String) throws {
        end(reason)
        try checkpoints?.save(self)
    }

    // MARK: The end of an epoch

    /// The time that the steps of the epoch have taken so far, those before the run was resumed included.
    var epochSeconds: Double { position == 0 ? 0 : trainSeconds + (ContinuousClock.now - epochStart) / .seconds(1) }

    private func endEpoch() throws {
        var record = EpochRecord(
            epoch: execution.epoch, steps: execution.step, samples: train.count,
            trainLoss: lossSum / Double(train.count), penalties: stepper.takePenalties(steps: execution.step),
            learningRate: Double(execution.learningRate), seconds: epochSeconds)
        if validation != nil || trainer.evaluatesTraining {
            validating {
                let evaluation = validation.map(measure)
                record.validationLoss = evaluation?.loss
                record.validationMetrics = evaluation?.metrics ?? []
                if trainer.evaluatesTraining { record.trainEvaluation = measure(train) }
            }
        }
        let isCancelled = cancellation?.isCancelledAfterEpoch == true
        callBack(&record, isLast: isCancelled || execution.epoch + 1 >= epochs)
        history.append(record)
        execution.epoch += 1
        execution.step = 0
        position = 0
        lossSum = 0
        trainSeconds = 0
        if stopReason == nil, execution.epoch >= epochs { end("all \(epochs) epochs done") }
        if stopReason == nil { order = train.order(seed: seed, epoch: execution.epoch) }
        if stopReason == nil, isCancelled { end(Run.cancelled) }
        defer { epochStart = ContinuousClock.now }
        if let checkpoints,
            checkpoints.isDue(afterEpochs: execution.epoch) || checkpoints.isDue(afterSteps: execution.globalStep)
                || stopReason != nil
        {
            try checkpoints.save(self)
        }
        if let result { execution.store.variables = result }
        if let observer { observer(.epochEnded(self, record)) }
    }

    private func callBack(_ record: inout EpochRecord, isLast: Bool) {
        var isLast = isLast
        for member in stepper.callbacks where member.technique.moments.contains(.ended) {
            let (callback, frame) = (member.technique, member.frame)
            frame.rewind()
            let start = ContinuousClock.now
            let decision = callback.epochCallback(
                record, in: EpochContext(scope: Scope(frame), moment: .ended, isLast: isLast))
            execution.costs.add(ContinuousClock.now - start, technique: member.index, hook: .epochCallback)
            if let reason = decision.stopReason, stopReason == nil {
                end("\(callback.name): \(reason)")
                isLast = true
            }
            if let variables = decision.variables {
                execution.store.variables = variables
                if decision.stopReason != nil { result = nil }
            }
            if isLast, let variables = decision.finalVariables { result = variables }
            if let factor = decision.learningRateFactor { learningRateFactor *= factor }
        }
        record.costs = execution.costs.take(trainer.composition.techniques)
    }

    /// Lets callbacks replace the variables for a validation, and brings the run's back afterwards in any case.
    private func validating(_ body: () -> Void) {
        let own = execution.store.variables
        var isReplaced = false
        defer { if isReplaced { execution.store.variables = own } }
        for member in stepper.callbacks where member.technique.moments.contains(.validating) {
            let (callback, frame) = (member.technique, member.frame)
            frame.rewind()
            let start = ContinuousClock.now
            let record = EpochRecord(epoch: execution.epoch, trainLoss: lossSum / Double(max(position, 1)))
            let decision = callback.epochCallback(
                record, in: EpochContext(scope: Scope(frame), moment: .validating, isLast: false))
            execution.costs.add(ContinuousClock.now - start, technique: member.index, hook: .epochCallback)
            if let variables = decision.variables {
                execution.store.variables = variables
                isReplaced = true
            }
        }
        body()
    }
}
