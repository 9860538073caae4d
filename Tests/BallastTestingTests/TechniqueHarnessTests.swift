import Ballast
import BallastTesting
import Testing

/// A harness calls hooks on the tensors of a test, and returns what they were given and what they returned.
struct TechniqueHarnessTests {
    private func harness(learningRate: Float = 0.1) throws -> TechniqueHarness {
        try TechniqueHarness(
            Linear(1), input: Tensor([[1, 2], [3, 4]]), target: Tensor([[1], [0]]), loss: .meanSquaredError,
            parameters: ["weight": Tensor([[0.5], [0.25]]), "bias": Tensor([0])], learningRate: learningRate)
    }

    @Test func `a penalty, with the gradient of the objective`() throws {
        struct HalfSquares: LossPenalty {
            func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
                parameters.sumOfSquares(scale: 0.5)
            }
        }
        let trace = try harness().train(HalfSquares())
        #expect(trace.calls.map(\.hook) == [.lossPenalty])
        #expect(trace.calls[0].returned["penalty"]?.item == 0.15625)
        // Outputs are 1 and 2.5, errors 0 and 2.5: 2.5 (3, 4), and w.
        #expect(trace.gradients["weight"]?.scalars == [8, 10.25])
        #expect(trace.gradients["bias"]?.scalars == [2.5])
        #expect(trace.variables["weight"]?.scalars.map { ($0 * 1000).rounded() } == [-300, -775])
    }

    @Test func `a penalty that takes the loss of another pass`() throws {
        struct SecondLoss: LossPenalty {
            func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
                context.loss(context.output(of: context.batch.input * 2), context.batch.target)
            }
        }
        // Outputs are 2 and 5: (1² + 5²) / 2.
        let trace = try harness().train(SecondLoss())
        #expect(trace.calls[0].returned["penalty"]?.item == 13 && trace.history[0].trainLoss == 3.125)
    }

    @Test(arguments: GradientStage.allCases)
    func `a transform, with what it was given and returned by path`(stage: GradientStage) throws {
        struct Doubling: GradientTransform {
            let stage: GradientStage
            func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
                var gradients = gradients
                gradients.scale(by: 2)
                return gradients
            }
        }
        let call = try #require(try harness().train(Doubling(stage: stage)).calls.first)
        #expect(call.place == stage.rawValue && call.step == 0)
        let expected: [GradientStage: Float] = [.gradient: 2.5, .update: -0.25, .applied: -0.25]
        #expect(call.given["bias"]?.item == expected[stage])
        #expect(call.returned["bias"]?.item == expected[stage].map { $0 * 2 })
    }

    @Test func `a batch, whose rows come in the order of the test`() throws {
        struct Doubling: BatchWrapper {
            func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
                var batch = batch
                batch.input = batch.input * 2
                return batch
            }
        }
        let trace = try harness().train(Doubling(), steps: 2)
        #expect(trace.calls.count == 2 && trace.history.count == 2)
        for call in trace.calls {
            #expect(call.given["input"]?.scalars == [1, 2, 3, 4] && call.given["target"]?.scalars == [1, 0])
            #expect(call.returned["input"]?.scalars == [2, 4, 6, 8])
        }
    }

    @Test func `a layer's call in training and in evaluation, made once`() throws {
        let trace = try harness().train(CallCounter(), steps: 3)
        let training = trace.calls.filter { $0.isTraining && $0.place == "around " }
        #expect(training.count == 3)
        // Without the counter the outputs are 1 and 2.5.
        #expect(training[0].given["input"]?.scalars == [1, 2, 3, 4])
        #expect(training[0].returned["output"]?.scalars == [1.01, 2.525])
        #expect(trace.variables["CallCounter/output.calls"]?.scalars == [3])
        let evaluation = try harness().evaluate(CallCounter())
        #expect(evaluation.output.scalars == [1, 2.5])
        #expect(evaluation.calls.map(\.isTraining) == [false])
    }

    @Test func `decisions and offers of a callback`() throws {
        struct Halving: EpochCallback {
            func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision {
                guard epoch.epoch == 0 else { return .stop("enough") }
                return EpochDecision(finalVariables: context.variables, learningRateFactor: 0.5)
            }
        }
        let trace = try harness().train(Halving(), steps: 5)
        let ends = trace.calls.filter { $0.place == "end" }
        #expect(ends.map(\.learningRateFactor) == [0.5, nil] && ends.map(\.stopReason) == [nil, "enough"])
        #expect(ends[0].returned["bias"]?.item == -0.25)
        #expect(trace.history.map(\.learningRate) == [Double(Float(0.1)), Double(Float(0.05))])
        #expect(trace.variables["bias"]?.item == -0.25)
    }

    @Test func `a mistake is thrown`() throws {
        struct Vector: LossPenalty {
            func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor { .zeros([2]) }
        }
        #expect(throws: TechniqueError.self) { try harness().train(Vector()) }
    }
}
