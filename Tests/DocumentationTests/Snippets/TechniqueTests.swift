import Ballast
import BallastTesting
import Testing

/// The techniques that the articles on the hooks build.
struct TechniqueTests {
    // snippet.penalty
    @Test func `soft orthogonality keeps the laws`() {
        let violations = Laws.check(
            SoftOrthogonality(0.01), neutral: SoftOrthogonality(0),
            renamed: { SoftOrthogonality(0.01, named: $0) })
        #expect(violations.isEmpty, "\(violations)")
    }
    // snippet.end

    // snippet.value
    @Test func `of W = 2 I in two dimensions it is λ ‖3 I‖² = 18 λ`() throws {
        let data = try Dataset(inputs: [[1, 0], [0, 1]], targets: [[0, 0], [0, 0]])
        let model = Linear(2, bias: false, weight: .values([2, 0, 0, 2]))
        let trainer = Trainer(model, loss: .meanSquaredError, optimizer: SGD(learningRate: 0)) {
            SoftOrthogonality(0.5)
        }
        let run = try trainer.fit(data, epochs: 1)
        #expect(run.history[0].penalties == [NamedValue("SoftOrthogonality", 9)])
    }
    // snippet.end

    // snippet.transform
    @Test func `spike clipping keeps the laws`() {
        let violations = Laws.check(
            SpikeClipping(0.5, warmUp: 2), neutral: SpikeClipping(.infinity),
            renamed: { SpikeClipping(0.5, warmUp: 2, named: $0) })
        #expect(violations.isEmpty, "\(violations)")
    }
    // snippet.end

    // snippet.wrapper
    @Test func `weight noise keeps the laws`() {
        let violations = Laws.check(
            WeightNoise(0.1), neutral: WeightNoise(0), renamed: { WeightNoise(0.1, named: $0) })
        #expect(violations.isEmpty, "\(violations)")
    }
    // snippet.end

    // snippet.callback
    @Test func `generalization loss keeps the laws`() {
        let violations = Laws.check(
            GeneralizationLoss(5), neutral: GeneralizationLoss(.infinity, restoresBest: false),
            renamed: { GeneralizationLoss(5, named: $0) })
        #expect(violations.isEmpty, "\(violations)")
    }
    // snippet.end

    @Test func `the first versions keep the laws too`() {
        let violations =
            Laws.check(FirstPenalty.SoftOrthogonality(0.01))
            + Laws.check(FirstTransform.NormClipping(0.1))
            + Laws.check(FirstWrapper.ActivationNoise(0.1))
            + Laws.check(FirstWrapper.Centering(), promises: .normalization)
            + Laws.check(FirstCallback.GeneralizationLoss(5))
        #expect(violations.isEmpty, "\(violations)")
    }

    @Test func `a plan shows each technique with its options`() throws {
        let trainer = Scene.perceptron.trainer {
            SoftOrthogonality(0.01)
            SpikeClipping()
            WeightNoise(0.05)
            GeneralizationLoss(5)
        }
        let plan = try trainer.plan(for: Scene.perceptron.data, validation: Scene.perceptron.validation)
        let lines = plan.description.split(separator: "\n")
        for (hook, article) in zip(Hook.allCases, Self.articles) {
            let start = try #require(lines.firstIndex { $0 == hook.rawValue })
            let part = lines[start...].prefix { $0 == hook.rawValue || $0.hasPrefix(" ") }
            try Article(article).expect("plan", shows: part.joined(separator: "\n"))
        }
    }

    private static let articles = [
        "WritingALossPenalty", "WritingAGradientTransform", "WritingAForwardWrapper",
        "WritingAnEpochCallback",
    ]

    @Test func `mistakes in a composition are reported as the articles show`() throws {
        func message(_ technique: any Technique, hasValidation: Bool = true) -> String {
            let trainer = Scene.perceptron.trainer { technique }
            do {
                let data = Scene.perceptron.data
                let plan = try trainer.plan(
                    for: data, validation: hasValidation ? Scene.perceptron.validation : nil, epochs: 2)
                return plan.warnings.map(\.description).joined(separator: "\n")
            } catch {
                return "\(error)"
            }
        }
        try Article("WritingALossPenalty").expect(
            "diagnostic", shows: message(SoftOrthogonality(0.1, on: .role(.bias))))
        try Article("WritingAGradientTransform").expect("diagnostic", shows: message(SpikeClipping()))
        try Article("WritingAForwardWrapper").expect(
            "diagnostic", shows: message(WeightNoise(0.1, around: .activations)))
        try Article("WritingAnEpochCallback").expect(
            "diagnostic", shows: message(GeneralizationLoss(), hasValidation: false))
    }

    @Test func `an invalid strength stops the program as the article shows`() async throws {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = SoftOrthogonality(-1)
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        let message = "SoftOrthogonality: the strength must be in 0..<infinity but is -1.0"
        #expect(text.contains(message))
        try Article("WritingALossPenalty").expect(mentions: message)
    }
}
