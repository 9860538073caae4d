internal import Tensors

/// A model, what it is trained for, and the regularization that is composed over it.
///
/// ```swift
/// let trainer = Trainer(model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3), batchSize: 128) {
///     L2(1e-4)
///     Dropout(0.3, at: .after("relu1"))
///     EarlyStopping(patience: 5)
/// }
/// let run = try trainer.fit(train, validation: held, epochs: 50, seed: 1)
/// ```
///
/// A trainer is a value that holds no state: it serves any number of runs, one after another or at the same time.
public struct Trainer: Sendable {
    /// The model.
    public let model: any Layer
    /// The loss of the data.
    public let loss: Loss
    /// The optimizer.
    public let optimizer: any Optimizer
    /// How the learning rate changes.
    public let schedule: Schedule
    /// What is measured on validation and test data beside the loss.
    public let metrics: [Metric]
    /// Whether the training data is measured after each epoch like validation data, for one more pass over it.
    public let evaluatesTraining: Bool
    /// The number of samples in a batch; the last of an epoch may have fewer.
    public let batchSize: Int
    /// The techniques.
    public let composition: Composition
    /// The identifiers of warnings that are not wanted.
    public let silencedWarnings: Set<String>

    /// Creates a trainer.
    ///
    /// - Parameters:
    ///   - model: the model; it is never changed.
    ///   - loss: the loss of the data.
    ///   - optimizer: the optimizer.
    ///   - schedule: the factor of the learning rate by step.
    ///   - metrics: what is measured beside the loss; by default accuracy for class targets, nothing for values.
    ///   - evaluatesTraining: whether the training data is measured after each epoch like validation data.
    ///   - batchSize: the number of samples in a batch.
    ///   - silencing: the identifiers of warnings that are not wanted.
    ///   - techniques: the regularization; none by default.
    public init(
        _ model: some Layer, loss: Loss, optimizer: any Optimizer, schedule: Schedule = .constant,
        metrics: [Metric]? = nil, evaluatesTraining: Bool = false, batchSize: Int = 32, silencing: Set<String> = [],
        @CompositionBuilder _ techniques: () -> [any Technique] = { [] }
    ) {
        self.init(
            model, loss: loss, optimizer: optimizer, schedule: schedule, metrics: metrics,
            evaluatesTraining: evaluatesTraining, batchSize: batchSize, silencing: silencing,
            composition: Composition(techniques()))
    }

    /// Creates a trainer with a composition made before.
    ///
    /// - Parameters:
    ///   - model: the model; it is never changed.
    ///   - loss: the loss of the data.
    ///   - optimizer: the optimizer.
    ///   - schedule: the factor of the learning rate by step.
    ///   - metrics: what is measured beside the loss; by default accuracy for class targets, nothing for values.
    ///   - evaluatesTraining: whether the training data is measured after each epoch like validation data.
    ///   - batchSize: the number of samples in a batch; positive.
    ///   - silencing: the identifiers of warnings that are not wanted.
    ///   - composition: the regularization.
    public init(
        _ model: some Layer, loss: Loss, optimizer: any Optimizer, schedule: Schedule = .constant,
        metrics: [Metric]? = nil, evaluatesTraining: Bool = false, batchSize: Int = 32, silencing: Set<String> = [],
        composition: Composition
    ) {
        require(batchSize > 0, "Trainer: the batch size must be positive but is \(batchSize)")
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.schedule = schedule
        self.metrics = metrics ?? (loss.target == .classes ? [.accuracy] : [])
        self.evaluatesTraining = evaluatesTraining
        self.batchSize = batchSize
        self.composition = composition
        silencedWarnings = silencing
    }

    /// The same with another composition.
    public func composing(_ composition: Composition) -> Trainer {
        Trainer(
            model, loss: loss, optimizer: optimizer, schedule: schedule, metrics: metrics,
            evaluatesTraining: evaluatesTraining, batchSize: batchSize, silencing: silencedWarnings,
            composition: composition)
    }

    /// Trains to the end.
    ///
    /// - Parameters:
    ///   - train: the samples to learn from.
    ///   - validation: samples to measure with after each epoch.
    ///   - epochs: the number of passes over the samples, unless a technique stops before.
    ///   - seed: what initial parameters, order and noise depend on.
    ///   - checkpoints: where and when to save the run, and whether to go on with a saved one.
    ///   - cancellation: a switch that ends the run early.
    ///   - observer: called with what happens.
    /// - Returns: the run, with its history and the trained model.
    /// - Throws: ``CompositionError``, ``DataError``, ``CheckpointError`` or ``TrainingError``.
    public func fit(
        _ train: Dataset, validation: Dataset? = nil, epochs: Int, seed: UInt64 = 0,
        checkpoints: CheckpointPolicy? = nil, cancellation: Cancellation? = nil,
        observer: ((RunEvent) -> Void)? = nil
    ) throws -> Run {
        let run = try start(
            train, validation: validation, epochs: epochs, seed: seed, checkpoints: checkpoints,
            cancellation: cancellation, observer: observer)
        try run.finish()
        return run
    }

    /// Prepares a run that the caller drives, step by step or epoch by epoch.
    ///
    /// The first pass, which creates the variables, and all checks of the composition are made here. The parameters are
    /// those of ``fit(_:validation:epochs:seed:checkpoints:cancellation:observer:)``.
    ///
    /// - Throws: ``CompositionError``, ``DataError``, ``CheckpointError`` or ``TrainingError``.
    public func start(
        _ train: Dataset, validation: Dataset? = nil, epochs: Int, seed: UInt64 = 0,
        checkpoints: CheckpointPolicy? = nil, cancellation: Cancellation? = nil,
        observer: ((RunEvent) -> Void)? = nil
    ) throws -> Run {
        try Run(
            trainer: self, train: train, validation: validation, epochs: epochs, seed: seed, checkpoints: checkpoints,
            cancellation: cancellation, observer: observer)
    }
}

extension Loss.Target: Equatable {}

/// What happens in a run, for progress displays and logs.
public enum RunEvent {
    /// The run begins, or goes on from a checkpoint, which is named.
    case started(Run, resumedFrom: String?)
    /// A warning of the composition.
    case warned(Finding)
    /// Something that is not as it should be but does not stop the run.
    case noted(String)
    /// A step was made.
    case stepped(Run)
    /// An epoch ended, validation included.
    case epochEnded(Run, EpochRecord)
}

/// Why a run cannot go on.
public struct TrainingError: Error, CustomStringConvertible {
    /// The explanation: what, where, and what to do.
    public let description: String
    /// Whether the optimizer's memory is a step ahead of the variables, so that the run must not be saved.
    let leavesOptimizerAhead: Bool

    init(_ description: String, leavesOptimizerAhead: Bool = false) {
        self.description = description
        self.leavesOptimizerAhead = leavesOptimizerAhead
    }
}
