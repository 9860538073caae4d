internal import Tensors

/// A model, what it is trained for, and the regularization that is composed over it.
///
/// ```swift
/// let trainer = Trainer(model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3), batchSize: 128) {
///     L2(1e-4)
///     Dropout(0.3, at: .after("relu1"))
///     EarlyStopping(patience: 5)
/// }
/// let run = try trainer.fit(train, validation: validation, epochs: 50, seed: 1)
/// ```
///
/// A trainer is a value that holds no state: it serves any number of runs, one after another or at the same time.
public struct Trainer: Sendable {
    /// The model.
    public var model: any Layer
    /// The loss of the data.
    public var loss: Loss
    /// The optimizer.
    public var optimizer: any Optimizer
    /// How the learning rate changes.
    public var schedule: Schedule
    /// What is measured on validation and test data beside the loss.
    public var metrics: [Metric]
    /// Whether the training data is measured after each epoch like validation data, for one more pass over it.
    public var evaluatesTraining: Bool
    /// The number of samples in a batch; the last of an epoch may have fewer.
    public var batchSize: Int
    /// The number of parts that a batch is cut into. Each part goes through the model by itself, so that activations of one
    /// part at a time are in memory; gradients, losses and penalties are weighted means that a fixed tree adds.
    public var shards: Int
    /// Which parameters have another learning rate, or are frozen; of several groups that select a parameter, the last
    /// counts.
    public var groups: [ParameterGroup]
    /// The techniques.
    public var composition: Composition
    /// The identifiers of warnings that are not wanted.
    public var silencedWarnings: Set<String>

    /// Creates a trainer.
    ///
    /// - Parameters:
    ///   - model: the model; it is never changed.
    ///   - loss: the loss of the data.
    ///   - optimizer: the optimizer.
    ///   - schedule: the factor of the learning rate by step.
    ///   - metrics: what is measured beside the loss; by default accuracy for class targets, nothing for values.
    ///   - evaluatesTraining: whether the training data is measured after each epoch like validation data.
    ///   - batchSize: the number of samples in a batch; positive.
    ///   - shards: the number of parts that a batch is cut into; positive.
    ///   - groups: which parameters have another learning rate, or are frozen.
    ///   - silencing: the identifiers of warnings that are not wanted.
    ///   - composition: techniques that were composed before; none by default.
    ///   - techniques: the techniques, after those of `composition`; none by default.
    public init(
        _ model: some Layer, loss: Loss, optimizer: any Optimizer, schedule: Schedule = .constant,
        metrics: [Metric]? = nil, evaluatesTraining: Bool = false, batchSize: Int = 32, shards: Int = 1,
        groups: [ParameterGroup] = [], silencing: Set<String> = [], composition: Composition = Composition(),
        @CompositionBuilder _ techniques: () -> [any Technique] = { [] }
    ) {
        require(batchSize > 0, "Trainer: the batch size must be positive but is \(batchSize)")
        require(shards > 0, "Trainer: the number of shards must be positive but is \(shards)")
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.schedule = schedule
        self.metrics = metrics ?? (loss.target == .classes ? [.accuracy] : [])
        self.evaluatesTraining = evaluatesTraining
        self.batchSize = batchSize
        self.shards = shards
        self.groups = groups
        self.composition = composition + Composition(techniques())
        silencedWarnings = silencing
    }

    /// The same with another composition.
    public func composing(_ composition: Composition) -> Trainer {
        var trainer = self
        trainer.composition = composition
        return trainer
    }

    /// Trains to the end.
    ///
    /// - Parameters:
    ///   - train: the samples to learn from.
    ///   - validation: samples to measure with after each epoch.
    ///   - epochs: the number of passes over the samples, unless a technique stops before.
    ///   - until: after how many of these epochs the run pauses, to be continued from its checkpoint; nil for all.
    ///   - seed: the random seed.
    ///   - checkpoints: where and when to save the run, and whether to resume a saved one.
    ///   - cancellation: ends the run early when it is cancelled.
    ///   - observer: called with what happens.
    /// - Returns: the run, with its history and the trained model.
    /// - Throws: ``CompositionError``, ``DataError`` or ``CheckpointError`` before the first step; after it
    ///   ``TrainingError``, which holds the run as it was after the last good step.
    public func fit(
        _ train: Dataset, validation: Dataset? = nil, epochs: Int, until: Int? = nil, seed: UInt64 = 0,
        checkpoints: CheckpointPolicy? = nil, cancellation: Cancellation? = nil,
        observer: ((RunEvent) -> Void)? = nil
    ) throws -> Run {
        let run = try start(
            train, validation: validation, epochs: epochs, until: until, seed: seed, checkpoints: checkpoints,
            cancellation: cancellation, observer: observer)
        try run.finish()
        return run
    }

    /// Prepares a run that the caller drives, step by step or epoch by epoch.
    ///
    /// The first pass, which creates the variables, and all checks of the composition are made here. The parameters are
    /// those of ``fit(_:validation:epochs:until:seed:checkpoints:cancellation:observer:)``.
    ///
    /// - Throws: ``CompositionError``, ``DataError``, ``CheckpointError``, or ``TechniqueError`` for a mistake of a
    ///   technique in the first pass.
    public func start(
        _ train: Dataset, validation: Dataset? = nil, epochs: Int, until: Int? = nil, seed: UInt64 = 0,
        checkpoints: CheckpointPolicy? = nil, cancellation: Cancellation? = nil,
        observer: ((RunEvent) -> Void)? = nil
    ) throws -> Run {
        try Run(
            trainer: self, train: train, validation: validation, epochs: epochs, until: until, seed: seed,
            checkpoints: checkpoints, cancellation: cancellation, observer: observer)
    }
}

extension Loss.Target: Equatable {}

/// What happens in a run, for progress displays and logs.
public enum RunEvent {
    /// The run begins, or resumes from a checkpoint, which is named.
    case started(Run, resumedFrom: String?)
    /// A warning of the composition.
    case warned(Diagnostic)
    /// Something that is not as it should be but does not stop the run.
    case noted(String)
    /// A step was made.
    case stepped(Run)
    /// An epoch ended, validation included.
    case epochEnded(Run, EpochRecord)
}
