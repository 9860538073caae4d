import Ballast
import BallastTesting
import Testing

/// Every law is broken by a mistake of its own, and is then the only one that is named.
struct LawTests {
    @Test(arguments: Mistake.all)
    func `a mistake breaks one law, and its sentence leads there`(mistake: Mistake) {
        let violations = mistake.check(mistake.scenes)
        let sentences = violations.map(\.description)
        #expect(Set(violations.map(\.law)).subtracting(mistake.others) == [mistake.law], "\(sentences)")
        let scenes = violations.filter { $0.law == mistake.law }.map(\.scene)
        #expect(Set(scenes) == Set(mistake.scenes.map(\.name)), "\(sentences)")
        for words in mistake.words {
            #expect(sentences.contains { $0.contains(words) }, "no sentence says \"\(words)\": \(sentences)")
        }
    }

    @Test func `there is a mistake for every law`() {
        #expect(Set(Mistake.all.map(\.law)) == Set(Law.allCases))
    }

    @Test func `what is right is found right, in all scenes`() {
        for violations in [
            Laws.check(MeanActivity()), Laws.check(BatchNoise()), Laws.check(Slope(), promises: .normalization),
            Laws.check(Sharpness()), Laws.check(StochasticDepth()), Laws.check(StartingPoint()),
            Laws.check(Centralization()), Laws.check(Clipping()), Laws.check(Smoothing()),
            Laws.check(SwapForValidation()), Laws.check(BestEpoch()), Laws.check(NeighborMixup()),
            Laws.check(
                GradientReversal(),
                promises: Laws.Promises.standard(for: GradientReversal()).subtracting(.exactGradients)),
            Laws.check(
                ClassicDropout(factor: 0.7),
                promises: Laws.Promises.standard(for: BatchNoise()).subtracting(.evaluationIsIdentity),
                evaluation: { $0 * 0.7 }),
        ] {
            #expect(violations.map(\.description) == [])
        }
    }

    @Test func `draws that are not of the seed are one violation, whatever follows from them`() {
        #expect(Laws.check(SystemNoise()).map(\.law) == [.deterministic])
    }

    @Test func `a scene without the layer that a technique names is left out, unless all are`() {
        struct BranchNoise: LayerWrapper {
            var sites: [Site] { [.after("residual1.branch")] }
            func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
                guard context.isTraining else { return call.input * 0.5 }
                return call.input + .normal(call.input.shape, deviation: 0.1, from: context.random)
            }
        }
        let violations = Laws.check(BranchNoise())
        #expect(Set(violations.map(\.scene)) == [Scene.transformer.name, Scene.residual.name])
        #expect(violations.contains { $0.law == .evaluation } && !violations.contains { $0.law == .composes })
    }

    @Test func `a technique that ends the process is found by an exit test around the check`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            struct OutOfRange: LossPenalty {
                func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
                    parameters[parameters.count].value.sumOfSquares()
                }
            }
            _ = Laws.check(OutOfRange(), scenes: [.perceptron])
        }
        #expect(result?.standardErrorContent.isEmpty == false)
        await #expect(processExitsWith: .success) {
            #expect(Laws.check(MeanActivity(), scenes: [.perceptron]).isEmpty)
        }
    }

    @Test func `a violation is a sentence`() {
        let violations = Laws.check(NormL2(), degree: 2, scenes: [.perceptron])
        #expect(
            violations.map(\.description) == [
                "NormL2 breaks the law \"of the promised degree\" in the perceptron (batches of 4, the last of 3): "
                    + "with all parameters doubled the penalty is 2.0 times as much; expected: 4.0 times, as a penalty "
                    + "of degree 2 is: is it a norm in place of its square?"
            ])
    }

    @Test func `costs are told per hook`() throws {
        let costs = try Laws.costs(of: MeanActivity())
        #expect(costs.map(\.technique) == ["MeanActivity"] && costs.map(\.hook) == [.lossPenalty])
        #expect(costs.allSatisfy { $0.seconds > 0 && ($0.share ?? 0) > 0 })
    }

    @Test func `your own scene is one to check in`() throws {
        let data = try Dataset(
            inputs: (0..<7).map { [Float($0), Float($0 % 3), 1] }, targets: (0..<7).map { [Float($0) / 7] })
        let scene = Scene(
            "a line", model: Linear(1).named("only"), data: data, validation: data.prefix(3), batchSize: 3,
            loss: .meanSquaredError)
        struct OnlyL2: LossPenalty {
            let strength: Float
            var parameters: ParameterSelector { .named("only.weight") }
            func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
                parameters.sumOfSquares(scale: strength)
            }
        }
        let violations = Laws.check(OnlyL2(strength: 0.1), neutral: OnlyL2(strength: 0), degree: 2, scenes: [scene])
        #expect(violations.isEmpty, "\(violations)")
        #expect(Set(Laws.check(OnlyL2(strength: 0.1), scenes: [.perceptron]).map(\.law)) == [.composes])
    }
}
