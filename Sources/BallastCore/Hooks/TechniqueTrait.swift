/// A word for what a technique does, by which rules about compositions know it without knowing its type.
///
/// Some combinations of techniques are unwise whoever wrote them: a decay through an adaptive optimizer, noise before
/// statistics that are kept. A technique that declares its traits (``Technique/traits``) gets the rules about them
/// for nothing, and those of other techniques see it. Rules that concern one technique alone are in its
/// ``Technique/diagnostics(in:)``, where the traits of the others can be read too. Authors add their own:
///
/// ```swift
/// extension TechniqueTrait {
///     static let perturbsWeights = TechniqueTrait(rawValue: "perturbsWeights")
/// }
/// ```
public struct TechniqueTrait: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    /// The word.
    public let rawValue: String

    /// Creates a trait of your own.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// The word.
    public var description: String { rawValue }

    /// The technique has no effect with these hyper-parameters (a strength or probability of 0). Must be the only trait.
    public static let noEffect = TechniqueTrait(rawValue: "noEffect")

    // MARK: Parameters

    /// Shrinks the parameters that it selects in proportion to their values.
    public static let decay = TechniqueTrait(rawValue: "decay")
    /// Shrinks the parameters that it selects by equal amounts, whatever their values.
    public static let magnitudePenalty = TechniqueTrait(rawValue: "magnitudePenalty")
    /// Shrinks through the gradients that the optimizer sees, as a term of the loss does, and not beside its step.
    public static let coupled = TechniqueTrait(rawValue: "coupled")
    /// Keeps averages of the parameters and uses them in place of the parameters.
    public static let averagesWeights = TechniqueTrait(rawValue: "averagesWeights")

    // MARK: Gradients

    /// Bounds the gradients' size.
    public static let clipsGradients = TechniqueTrait(rawValue: "clipsGradients")
    /// Adds something to the gradients, such as noise.
    public static let addsToGradients = TechniqueTrait(rawValue: "addsToGradients")
    /// Replaces the gradients by others, so that what transforms listed before did to them is lost.
    public static let replacesGradients = TechniqueTrait(rawValue: "replacesGradients")

    // MARK: Data and layers

    /// Zeroes at random what flows through its sites while training.
    public static let masksAtRandom = TechniqueTrait(rawValue: "masksAtRandom")
    /// Makes what flows through its sites free of scale: its input may be multiplied by any positive number.
    public static let normalization = TechniqueTrait(rawValue: "normalization")
    /// Uses the batch's statistics in training, and in evaluation those that it kept from training.
    public static let batchStatistics = TechniqueTrait(rawValue: "batchStatistics")
    /// Changes the targets of a batch.
    public static let editsLabels = TechniqueTrait(rawValue: "editsLabels")
    /// Takes class labels or probabilities, and returns probabilities.
    public static let givesProbabilities = TechniqueTrait(rawValue: "givesProbabilities")
}
