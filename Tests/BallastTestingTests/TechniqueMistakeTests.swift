import Ballast
import BallastTesting
import Testing

/// What used to end the process is an error of the run, and so a violation with its message.
struct TechniqueMistakeTests {
    private func expect(_ violations: [Violation], _ words: String, location: SourceLocation = #_sourceLocation) {
        #expect(violations.map(\.law) == [.composes], "\(violations)", sourceLocation: location)
        #expect(
            violations.first?.description.contains(words) == true, "\(violations)", sourceLocation: location)
    }

    @Test func `a parameter that is replaced by one of another shape`() {
        struct Transposed: LayerWrapper {
            var sites: [Site] { [.around("linear1")] }
            func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
                call.next(call.input, replacing: call.parameters.map { $0.with($0.value.reshaped(to: [-1])) })
            }
        }
        expect(
            Laws.check(Transposed(), scenes: [.perceptron]),
            "technique \"Transposed\", hook forwardWrapper at .around(\"linear1\"): replaced \"linear1.weight\" of shape [16, 8] by a value of shape [128]"
        )
    }

    @Test func `a state that is given another shape`() {
        struct Growing: LayerWrapper {
            let blends: Bool
            var sites: [Site] { [.after("linear1")] }
            func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
                let state = context.scope.state("mean", [1], initial: .zeros)
                if blends { state.blend(.zeros([2]), weight: 0.1) } else { state.value = .zeros([2]) }
                return call.next()
            }
        }
        for blends in [false, true] {
            expect(
                Laws.check(Growing(blends: blends), scenes: [.perceptron]),
                "the state \"Growing/linear1.mean\" has shape [1] and cannot take")
        }
    }

    @Test func `another pass over an input that the model does not take`() {
        struct Flat: LossPenalty {
            func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
                context.output(of: context.batch.input.flattened(from: 1)).sumOfSquares()
            }
        }
        expect(Laws.check(Flat(), scenes: [.perceptron]), "the model takes floats of shape [batch] + [1, 4, 4]")
    }

    @Test func `the gradient of an input of tokens`() throws {
        struct Adversary: BatchWrapper {
            func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
                _ = context.inputGradient(of: batch)
                return batch
            }
        }
        let data = try Dataset(
            inputs: Column(integers: [0, 1, 2, 0, 1, 2], itemShape: [2]),
            targets: Column(integers: [0, 1, 0]))
        let scene = Scene(
            "tokens",
            model: Sequential {
                Embedding(3, width: 2); Flatten(); Linear(2)
            }, data: data, validation: data, batchSize: 2)
        expect(Laws.check(Adversary(), scenes: [scene]), "no gradient with respect to an input of integers")
    }
}
