import Ballast
import BallastTesting
import Testing

/// The code of "The laws".
struct LawArticle {
    // snippet.broken
    /// Subtracts the mean of each feature over the batch, and forgets that evaluation has no batch to speak of.
    struct BatchCentering: LayerWrapper {
        var sites: [Site] { [.before(.activations)] }

        func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
            let x = call.next()
            return x - x.mean(axes: [0], keepingDimensions: true)
        }
    }
    // snippet.end

    @Test func `a violation reads as a sentence`() throws {
        var print = Printer()
        // snippet.check
        let violations = Laws.check(BatchCentering(), promises: .normalization, scenes: [.perceptron])
        for violation in violations { print(violation) }
        // snippet.end
        // The number in it depends on the instruction set.
        let parts = print.last.split(separator: /0\.\d+/)
        #expect(violations.map(\.law) == [.evaluation] && parts.count == 2)
        for part in parts { try Article("TheLaws").expect(mentions: String(part)) }
    }

    @Test func `costs are told per hook`() throws {
        // snippet.costs
        for cost in try Laws.costs(of: WeightNoise(0.1)) {
            print(cost.technique, cost.hook, cost.share ?? 0)
        }
        // snippet.end
    }
}
