import Ballast
import BallastTesting
import Testing

/// Laws that none of the shipped faults breaks, each broken on purpose.
struct LawTests {
    private func laws(_ violations: [Violation]) -> Set<Law> { Set(violations.map(\.law)) }

    @Test func `a gradient that is not that of the value`() {
        #expect(laws(Laws.check(HalfGradient(), scenes: [.perceptron])) == [.gradients])
        let promises: Laws.Promises = [.exactGradients, .evaluationIsIdentity, .preservesExpectation]
        #expect(laws(Laws.check(HalfPassage(), promises: promises, scenes: [.perceptron])) == [.gradients])
    }

    @Test func `draws that are not of the seed`() {
        let found = laws(Laws.check(SystemNoise(), scenes: [.perceptron]))
        #expect(found.isSuperset(of: [.deterministic, .isolation, .resume]), "\(found)")
    }

    @Test func `a run that is seen by the next`() {
        #expect(laws(Laws.check(ForgetfulNoise(), scenes: [.perceptron])).contains(.isolation))
    }

    @Test func `a value that is not finite on extreme input`() {
        #expect(laws(Laws.check(RootOfActivity(), scenes: [.perceptron])) == [.finite])
    }

    @Test func `a strength of zero that is not neutral`() {
        let violations = Laws.check(MeanActivity(), neutral: MeanActivity(), scenes: [.perceptron])
        #expect(laws(violations) == [.neutral])
    }

    @Test func `a name that is not kept`() {
        let violations = Laws.check(MeanActivity(), renamed: { _ in MeanActivity() }, scenes: [.perceptron])
        #expect(laws(violations) == [.separate])
    }

    @Test func `a cost above what is allowed`() {
        let violations = Laws.check(MeanActivity(), costAtMost: 0, scenes: [.perceptron])
        #expect(laws(violations) == [.cost], "\(violations)")
        #expect(violations.first?.seen.hasPrefix("lossPenalty takes ") == true)
    }

    @Test func `a selection that matches nothing in a scene`() {
        struct Lost: ForwardWrapper {
            var sites: [Site] { [.after("relu7")] }
        }
        let violations = Laws.check(Lost(), scenes: [.perceptron])
        #expect(laws(violations) == [.composes])
        #expect(violations.first?.seen.contains("no-such-site") == true)
    }

    @Test func `a selection of its own that matches nothing`() {
        struct Idle: LossPenalty {
            func lossPenalty(_ parameters: Parameters, in context: StepContext) -> Tensor {
                parameters.matching(.named("decoder.*")).sumOfSquares()
            }
        }
        let violations = Laws.check(Idle(), degree: 2, scenes: [.perceptron])
        #expect(laws(violations) == [.active])
        #expect(violations.first?.seen == "at hook lossPenalty it changes nothing at any of 12 steps")
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

    @Test func `a scene of one's own is one to check in`() throws {
        let data = try Dataset(
            inputs: (0..<7).map { [Float($0), Float($0 % 3), 1] }, targets: (0..<7).map { [Float($0) / 7] })
        let scene = Scene(
            "a line", model: Linear(1).named("only"), data: data, validation: data.prefix(3), batchSize: 3,
            loss: .meanSquaredError)
        struct OnlyL2: LossPenalty {
            let strength: Float
            var penalizes: ParameterSelector { .named("only") }
            func lossPenalty(_ parameters: Parameters, in context: StepContext) -> Tensor {
                parameters.matching(penalizes).sumOfSquares(scale: strength)
            }
        }
        let violations = Laws.check(OnlyL2(strength: 0.1), neutral: OnlyL2(strength: 0), degree: 2, scenes: [scene])
        #expect(violations.isEmpty, "\(violations)")
        #expect(laws(Laws.check(OnlyL2(strength: 0.1), scenes: [.perceptron])) == [.composes])
    }
}
