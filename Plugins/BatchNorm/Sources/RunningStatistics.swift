internal import BallastCore

/// The averages of a site's statistics over the batches of training.
struct RunningStatistics {
    let mean: StateVariable
    let variance: StateVariable
    /// The weight of a new statistic; nil for the average of all batches.
    private let momentum: Float?
    /// The number of batches; kept for the average only.
    private let batches: StateVariable?

    init(of channels: Shape, momentum: Float?, in scope: Scope) {
        mean = scope.state("runningMean", channels, initial: .zeros)
        variance = scope.state("runningVariance", channels, initial: .ones)
        self.momentum = momentum
        batches = momentum == nil ? scope.state("batchesTracked", [1], initial: .zeros) : nil
    }

    /// Moves the averages toward a batch's mean and biased variance of `count` values; the unbiased one is kept.
    ///   - batch: the batch of a pass that estimates the statistics anew, with equal weights; nil in training.
    func follow(mean newMean: Tensor, variance newVariance: Tensor, count: Int, estimatingAnew batch: Int?) {
        var share = momentum ?? 1
        if let batch {
            share = 1 / Float(batch + 1)
        } else if let batches {
            batches.value = batches.value + 1
            share = 1 / max(batches.value.item, 1)
        }
        let unbiased = Float(count) / Float(count - 1)
        mean.value = mean.value * (1 - share) + newMean * share
        variance.value = variance.value * (1 - share) + newVariance * (share * unbiased)
    }
}
