/// A law that a technique breaks: which one, where, what was seen and what was expected.
public struct Violation: Sendable, Hashable, CustomStringConvertible {
    /// The law.
    public let law: Law
    /// The technique's name.
    public let technique: String
    /// The scene; nil where the law does not depend on one.
    public let scene: String?
    /// What was seen.
    public let seen: String
    /// What was expected.
    public let expected: String

    /// The violation as a sentence.
    public var description: String {
        "\(technique) breaks the law \"\(law.rawValue)\"\(scene.map { " in \($0)" } ?? ""): \(seen); expected: \(expected)\(expected.hasSuffix("?") ? "" : ".")"
    }
}

/// What every technique keeps, each as a few words that sentences quote.
public enum Law: String, Sendable, CaseIterable {
    /// It can be composed over the scene and trains without an error.
    case composes = "trains in a scene"
    /// The backward pass agrees with central differences of the accounted objective.
    case gradients = "gradients are right"
    /// The same seed gives the same bits, on any number of threads.
    case deterministic = "same in, same out"
    /// Evaluation is the identity, or the function that was stated; it draws nothing and mixes no samples.
    case evaluation = "evaluation is pure"
    /// Validation measures the loss of the data alone.
    case validation = "validation is the loss of the data"
    /// Noise keeps the mean.
    case expectation = "expectation is preserved"
    /// A penalty is a mean over the batch.
    case batchSize = "independent of the batch size"
    /// The value of a penalty is of the degree that was promised.
    case degree = "of the promised degree"
    /// It acts at every step, not at the first alone.
    case active = "still active after the first step"
    /// At strength zero, training is what it is without the technique.
    case neutral = "neutral at zero strength"
    /// State is the same after it was saved and loaded.
    case roundTrip = "state survives a round trip"
    /// A run that is stopped in mid-epoch and resumed arrives at the same bits.
    case resume = "resume is exact"
    /// Two instances of one type keep their state apart.
    case separate = "two instances have separate state"
    /// Runs that share a composition do not see each other.
    case isolation = "runs are isolated"
    /// The draws of other techniques are what they are without it.
    case draws = "the draws of others are untouched"
    /// Instances act in the order in which they are listed, as the plan says.
    case order = "order is stated and kept"
    /// Variables are the run's own after cancellation or an error.
    case undone = "swaps are undone"
    /// Extreme input that the bare model takes gives no value that is not finite.
    case finite = "finite on extreme input"
    /// Running variances are unbiased.
    case statistics = "running variance is unbiased"
    /// Edits of targets keep their mass and do not depend on the order of the editors.
    case targets = "edits of targets commute and keep mass"
    /// The target of a row is made of samples that are in its input.
    case pairing = "inputs and targets stay together"
    /// A batch has as many samples after a technique as before it, of the same shape.
    case batch = "a batch keeps its count and shape"
    /// Averages are equal to parameters that stay the same, and hold the last step.
    case average = "averages follow the parameters"
    /// A layer that is run twice, its second output thrown away, changes nothing.
    case repetition = "running a layer twice changes nothing else"
    /// A step does not cost more than was allowed.
    case cost = "costs what was allowed"
}
