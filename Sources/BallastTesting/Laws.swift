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
/// A check needs no test framework; each violation reads as a sentence. A mistake that the core notices (a wrong shape,
/// a batch cut short, a number that is not finite) is thrown by the run, and so is a violation like the others.
///
/// What ends the process (`fatalError`, an index out of range, tensors of shapes that do not go together) ends the check
/// with it: Swift cannot catch it, and a process with threads cannot be copied safely. An exit test runs the check in a
/// process of its own, whose end is an issue like any other:
///
/// ```swift
/// @Test func `keeps the laws`() async {
///     await #expect(processExitsWith: .success) {
///         #expect(Laws.check(WeightNoise(0.01)).isEmpty)
///     }
/// }
/// ```
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
        /// Variables that a callback offers for validation or for the end are averages of the parameters, or copies:
        /// equal to them while they stay the same, and different after a different last step.
        public static let offersAverages = Promises(rawValue: 128)

        /// What is promised by default: everything, but for a batch transform, of which there is no mean to keep.
        public static func standard(for technique: any Technique) -> Promises {
            var promises: Promises = [
                .evaluationIsIdentity, .preservesExpectation, .independentOfBatchSize, .staysActive, .exactGradients,
                .evaluatesSamplesApart, .takesSingleSamples, .offersAverages,
            ]
            if technique is any BatchWrapper, !(technique is any LayerWrapper) {
                promises.remove(.preservesExpectation)
            }
            return promises
        }

        /// What a normalization promises: a function of its own in evaluation, other values than flowed in.
        public static let normalization: Promises = [
            .independentOfBatchSize, .staysActive, .exactGradients, .evaluatesSamplesApart, .takesSingleSamples,
            .offersAverages,
        ]
    }

    /// Checks a technique against all laws, in all scenes.
    ///
    /// - Parameters:
    ///   - technique: makes the technique; called anew wherever a law is about a new process.
    ///   - neutral: an instance of strength zero, which must change nothing; nil to leave that law out.
    ///   - renamed: makes the technique under another name; by default the technique is wrapped.
    ///   - promises: what it promises; nil for ``Promises/standard(for:)``.
    ///   - degree: the degree of a penalty in the parameters: 1 for Σ|w|, 2 for Σw²; nil if it has none.
    ///   - evaluation: the function that a site computes in evaluation; nil for the identity, or where it is not stated.
    ///   - share: the greatest share of a step that it may cost, in 0...1; nil for any.
    ///   - scenes: where it is checked. Scenes without the layers or parameters that it names are left out, unless all
    ///     are.
    /// - Returns: the laws that are broken, each with what was seen and what was expected; empty if none is. Where the
    ///   same seed gives different results, nothing else is checked.
    public static func check<Checked: Technique>(
        _ technique: @autoclosure @escaping () -> Checked, neutral: (any Technique)? = nil,
        renamed: ((String) -> any Technique)? = nil, promises: Promises? = nil, degree: Int? = nil,
        evaluation: (@Sendable (Tensor) -> Tensor)? = nil, costAtMost share: Double? = nil,
        scenes: [Scene] = Scene.standard
    ) -> [Violation] {
        let instance = technique()
        let promises = promises ?? .standard(for: instance)
        var checker = LawChecker(
            make: technique, instance: instance, neutral: neutral, renamed: renamed, promises: promises, degree: degree,
            evaluation: evaluation, maximumShare: share)
        let scenes = scenes.filter { promises.contains(.takesSingleSamples) || !$0.hasSingleSamples }
        let possible = scenes.filter { !checker.lacksPlaces($0) }
        for scene in possible.isEmpty ? scenes : possible {
            guard checker.check(scene) else { break }
        }
        return checker.violations
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
