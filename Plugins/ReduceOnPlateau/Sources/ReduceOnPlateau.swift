public import BallastCore

/// Reduces the learning rate when a monitored value no longer improves.
///
/// An epoch is an improvement if the value is better than the best so far by more than the relative threshold. After more
/// than `patience` epochs in a row without one, the learning rate is multiplied by `factor`, and the next `cooldown` epochs
/// are not counted. NaN is never an improvement. The rule is that of PyTorch's `ReduceLROnPlateau` in its relative mode.
///
/// - Order: callbacks are called from top to bottom; each factor multiplies the learning rate of all following epochs,
///   together with the schedule's.
/// - State: best value, epochs without improvement, epochs of cooldown left; saved with the run.
/// - Source: `torch.optim.lr_scheduler.ReduceLROnPlateau`, PyTorch 2.x.
public struct ReduceOnPlateau: EpochCallback {
    /// The instance's name.
    public let name: String
    /// What is monitored: `validationLoss`, `trainLoss` or the name of a validation metric.
    public let monitor: String
    /// What the learning rate is multiplied by; positive and below 1.
    public let factor: Float
    /// The number of epochs without improvement that are tolerated.
    public let patience: Int
    /// The least improvement, as a share of the best value.
    public let threshold: Double
    /// The number of epochs after a reduction that are not counted.
    public let cooldown: Int
    /// The learning rate is not reduced below this.
    public let minimumLearningRate: Float

    /// Creates the rule.
    ///
    /// - Parameters:
    ///   - factor: what the learning rate is multiplied by; positive and below 1.
    ///   - patience: the number of epochs without improvement that are tolerated; not negative.
    ///   - monitor: what is monitored; the validation loss by default. Its metric decides which direction is better.
    ///   - threshold: the least improvement, as a share of the best value; in `0 ..< 1`.
    ///   - cooldown: the number of epochs after a reduction that are not counted; not negative.
    ///   - minimumLearningRate: the learning rate is not reduced below this; not negative.
    ///   - name: the instance's name; two in one composition need different ones.
    public init(
        by factor: Float = 0.1, patience: Int = 10, monitor: String = "validationLoss", threshold: Double = 1e-4,
        cooldown: Int = 0, minimumLearningRate: Float = 0, named name: String = "ReduceOnPlateau"
    ) {
        require(factor > 0 && factor < 1, "ReduceOnPlateau: the factor must be positive and below 1 but is \(factor)")
        require(patience >= 0, "ReduceOnPlateau: the patience must not be negative but is \(patience)")
        require(
            threshold >= 0 && threshold < 1, "ReduceOnPlateau: the threshold must be in 0..<1 but is \(threshold)")
        require(cooldown >= 0, "ReduceOnPlateau: the cooldown must not be negative but is \(cooldown)")
        require(
            minimumLearningRate >= 0 && minimumLearningRate.isFinite,
            "ReduceOnPlateau: the minimum must be finite and not negative but is \(minimumLearningRate)")
        self.name = name
        self.factor = factor
        self.patience = patience
        self.monitor = monitor
        self.threshold = threshold
        self.cooldown = cooldown
        self.minimumLearningRate = minimumLearningRate
    }

    /// Counts the epochs without improvement, and reduces the learning rate after too many.
    public func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision {
        let isHigherBetter = context.metrics.first { $0.name == monitor }?.isHigherBetter == true
        let best = context.scope.number("best", initial: isHigherBetter ? -.infinity : .infinity)
        let waited = context.scope.number("waited", initial: 0)
        let cooling = context.scope.number("cooling", initial: 0)

        let value = epoch.value(monitor) ?? .nan
        let isBetter =
            isHigherBetter ? value > best.value * (1 + threshold) : value < best.value * (1 - threshold)
        if isBetter {
            best.value = value
            waited.value = 0
        } else {
            waited.value += 1
        }
        if cooling.value > 0 {
            cooling.value -= 1
            waited.value = 0
        }
        guard waited.value > Double(patience) else { return .continue }
        cooling.value = Double(cooldown)
        waited.value = 0
        let rate = context.learningRate
        guard rate > minimumLearningRate else { return .continue }
        return .scaleLearningRate(by: max(factor, minimumLearningRate / rate))
    }

    /// Finds a monitored value that the run does not have.
    public func diagnostics(in context: CompositionContext) -> [Diagnostic] {
        guard !context.metrics.contains(where: { $0.name == monitor }) else { return [] }
        let known = context.metrics.map(\.name).joined(separator: ", ")
        return [
            Diagnostic(
                .error, context.hasValidation ? "no-such-metric" : "no-validation", technique: name,
                message: "monitors \"\(monitor)\", which the run does not measure",
                suggestion: context.hasValidation
                    ? "choose among: \(known)" : "hand validation data to fit, or monitor \"trainLoss\"")
        ]
    }
}
