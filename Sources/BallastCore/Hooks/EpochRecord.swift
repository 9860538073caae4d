/// The record of an epoch.
public struct EpochRecord: Sendable, Hashable, Codable {
    /// The epoch, counted from 0.
    public let epoch: Int
    /// The number of steps.
    public let steps: Int
    /// The number of samples.
    public let samples: Int
    /// The mean loss of the data over the epoch's samples as they were trained on, without penalties.
    public let trainLoss: Double
    /// The mean of each penalty over the epoch's steps, by the technique's name.
    public let penalties: [NamedValue]
    /// The mean loss of the validation data, without penalties; nil without such data.
    public var validationLoss: Double?
    /// The metrics of the validation data.
    public var validationMetrics: [NamedValue]
    /// What the model achieves on the training data after the epoch, in evaluation; nil unless the trainer
    /// ``Trainer/evaluatesTraining``.
    public var trainEvaluation: Evaluation?
    /// The learning rate of the last step.
    public let learningRate: Double
    /// How long the epoch's steps took, in seconds.
    public let seconds: Double
    /// What techniques cost in this epoch; empty for epochs of few steps in which no times were taken.
    public var costs: [HookCost]

    /// Creates a record, for tests of callbacks.
    ///
    /// - Parameters:
    ///   - epoch: the epoch, counted from 0.
    ///   - steps: the number of steps.
    ///   - samples: the number of samples.
    ///   - trainLoss: the mean loss of the data, without penalties.
    ///   - penalties: the mean of each penalty, by the technique's name.
    ///   - validationLoss: the mean loss of the validation data, without penalties.
    ///   - validationMetrics: the metrics of the validation data.
    ///   - trainEvaluation: what the model achieves on the training data, in evaluation.
    ///   - learningRate: the learning rate of the last step.
    ///   - seconds: how long the steps took, in seconds.
    ///   - costs: what techniques cost.
    public init(
        epoch: Int, steps: Int = 0, samples: Int = 0, trainLoss: Double, penalties: [NamedValue] = [],
        validationLoss: Double? = nil, validationMetrics: [NamedValue] = [],
        trainEvaluation: Evaluation? = nil, learningRate: Double = 0, seconds: Double = 0, costs: [HookCost] = []
    ) {
        self.epoch = epoch
        self.steps = steps
        self.samples = samples
        self.trainLoss = trainLoss
        self.penalties = penalties
        self.validationLoss = validationLoss
        self.validationMetrics = validationMetrics
        self.trainEvaluation = trainEvaluation
        self.learningRate = learningRate
        self.seconds = seconds
        self.costs = costs
    }

    /// The number of samples trained on in a second.
    public var samplesPerSecond: Double { seconds > 0 ? Double(samples) / seconds : 0 }

    /// A number of this record by name: `trainLoss`, `validationLoss`, or the name of a validation metric.
    public func value(_ name: String) -> Double? {
        switch name {
        case "trainLoss": trainLoss
        case "validationLoss": validationLoss
        default: validationMetrics.first { $0.name == name }?.value
        }
    }
}

/// What a technique costs at a hook.
public struct HookCost: Sendable, Codable, Hashable {
    /// The technique's name.
    public let technique: String
    /// The hook.
    public let hook: Hook
    /// The mean time of a step in seconds, its part of the backward pass included; for `epochCallback`, the time of the
    /// epoch's calls. What a hook runs of the model, or of other techniques, is not in it.
    public let seconds: Double
    /// The share of the step's time; nil for `epochCallback`.
    public let share: Double?

    /// Creates a cost.
    package init(technique: String, hook: Hook, seconds: Double, share: Double?) {
        self.technique = technique
        self.hook = hook
        self.seconds = seconds
        self.share = share
    }
}
