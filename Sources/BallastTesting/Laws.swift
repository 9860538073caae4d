public import BallastCore

/// The laws that every technique keeps, as checks for its author.
///
/// ```swift
/// @Test func `keeps the laws`() {
///     let violations = Laws.check(WeightNoise(0.01), neutral: WeightNoise(0))
///     #expect(violations.isEmpty)
/// }
/// ```
///
/// A check needs no test framework; each violation reads as a sentence.
public enum Laws {
    /// What a technique promises beyond what all of them have to keep.
    public struct Promises: OptionSet, Sendable {
        /// The bits.
        public let rawValue: Int
        /// Creates a set from its bits.
        public init(rawValue: Int) { self.rawValue = rawValue }

        /// Outside training nothing is changed.
        public static let evaluationIsIdentity = Promises(rawValue: 1)
        /// The mean of what flows on, over the draws, is what flowed in.
        public static let preservesExpectation = Promises(rawValue: 2)
        /// A penalty is the same on a batch and on the batch twice.
        public static let independentOfBatchSize = Promises(rawValue: 4)
        /// What acts at the first step acts at the second and at the last.
        public static let staysActive = Promises(rawValue: 8)
        /// Gradients are those of the values: no straight-through estimator, no detached factor.
        public static let exactGradients = Promises(rawValue: 16)
        /// In evaluation a sample's output does not depend on the other samples of its batch.
        public static let evaluatesSamplesApart = Promises(rawValue: 32)
        /// Training takes a batch of one sample.
        public static let takesSingleSamples = Promises(rawValue: 64)

        /// What is promised if nothing is said: everything, but for a batch transform, of which there is no mean to keep.
        public static func standard(for technique: any Technique) -> Promises {
            var promises: Promises = [
                .evaluationIsIdentity, .preservesExpectation, .independentOfBatchSize, .staysActive, .exactGradients,
                .evaluatesSamplesApart, .takesSingleSamples,
            ]
            if technique is any BatchWrapper, !(technique is any LayerWrapper) {
                promises.remove(.preservesExpectation)
            }
            return promises
        }

        /// What a normalization promises: a function of its own in evaluation, other values than flowed in.
        public static let normalization: Promises = [
            .independentOfBatchSize, .staysActive, .exactGradients, .evaluatesSamplesApart, .takesSingleSamples,
        ]
    }

    /// Checks a technique against all laws, in all scenes.
    ///
    /// - Parameters:
    ///   - technique: makes the technique; called anew wherever a law is about a new process.
    ///   - neutral: an instance of strength zero, which must change nothing; nil to leave that law out.
    ///   - renamed: makes the technique under another name; by default the technique is wrapped.
    ///   - promises: what it promises; nil for ``Promises/standard(for:)``.
    ///   - degree: of what degree a penalty is in the parameters: 1 for Σ|w|, 2 for Σw²; nil if of none.
    ///   - evaluation: what is computed in evaluation from what flows into a site, if that is stated and not the identity.
    ///   - share: the greatest share of a step that it may cost, in 0...1; nil for any.
    ///   - scenes: where it is tried.
    /// - Returns: the laws that are broken, each with what was seen and what was expected; empty if none is.
    public static func check<Checked: Technique>(
        _ technique: @autoclosure @escaping () -> Checked, neutral: (any Technique)? = nil,
        renamed: ((String) -> any Technique)? = nil, promises: Promises? = nil, degree: Int? = nil,
        evaluation: (@Sendable (Tensor) -> Tensor)? = nil, costAtMost share: Double? = nil,
        scenes: [Scene] = Scene.standard
    ) -> [Violation] {
        let instance = technique()
        let promises = promises ?? .standard(for: instance)
        var examination = Examination(
            make: technique, instance: instance, neutral: neutral, renamed: renamed, promises: promises, degree: degree,
            evaluation: evaluation, maximumShare: share)
        let scenes = scenes.filter { promises.contains(.takesSingleSamples) || !$0.hasSingleSamples }
        for scene in scenes { examination.examine(scene) }
        return examination.violations
    }

    /// What a technique costs in a scene, per hook: seconds and the share of a step.
    ///
    /// - Parameters:
    ///   - technique: the technique.
    ///   - scene: where it is measured; a model of its own size tells more than a small one.
    /// - Throws: what training throws.
    public static func costs(of technique: some Technique, in scene: Scene = .perceptron) throws -> [HookCost] {
        try scene.trainer([technique]).fit(scene.data, validation: scene.validation, epochs: 2).costs
    }
}
