import Ballast
import BallastTesting
import Testing

/// The code of "The laws".
struct LawArticle {
    // snippet.broken
    /// Subtracts the batch mean of each feature, in evaluation too, where the output should not depend on the batch.
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

    @Test func `costs are measured per hook`() throws {
        // snippet.costs
        for cost in try Laws.costs(of: WeightNoise(0.1)) {
            print(cost.technique, cost.hook, cost.share ?? 0)
        }
        // snippet.end
    }
}
