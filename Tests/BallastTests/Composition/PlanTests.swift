import Ballast
import BallastPlugins
import Foundation
import Testing

/// What a plan says of a composition with all hooks, for people and as JSON.
struct PlanTests {
    /// Stands at both sides of a layer and around another, and follows the updates.
    private struct Everywhere: LayerWrapper, BatchWrapper, GradientTransform, EpochCallback {
        let words: Set<String> = ["one", "two", "three", "four"]
        var sites: [Site] { [.before("relu1"), .around("linear2"), .after(.model)] }
        var stage: GradientStage { .update }
        var traits: Set<TechniqueTrait> { [.averagesWeights] }
        func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch { batch }
        func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor { call.next() }
        func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients { gradients }
        func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision { .continue }
    }

    private func plan() throws -> Plan {
        try Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1)) {
            L2(0.001, on: .named("linear3.weight"))
            PenaltyProbe(name: "activity", observes: [.activations])
            Everywhere()
            LayerNorm(at: .before("relu2"))
            EarlyStopping(patience: 2)
        }.plan(for: Problem.rows(), validation: Problem.rows(), epochs: 5)
    }

    @Test func `a plan says what acts where, what it reads and what it changes`() throws {
        let text = try plan().description
        let expected = """
            lossPenalty
              1. L2(strength: 0.001, convention: half, parameters: .named("linear3.weight"))
                 on: 24 parameters in linear3.weight
                 reads: parameters, batch, output of the model
                 changes: the loss, to which a term is added
            """
        #expect(text.hasPrefix(expected), "\(text)")
        for lines in [
            """
                 on: 312 parameters in linear1.weight, linear2.weight, linear3.weight
                 reads: parameters, batch, output of the model, output of relu1, output of relu2
            """,
            """
            gradientTransform
              1. Everywhere(words: [four, one, three, two])
                 when: update
                 on: 355 parameters in linear1.weight, linear1.bias, linear2.weight, linear2.bias, \
            LayerNorm/relu2.weight, LayerNorm/relu2.bias, linear3.weight, linear3.bias
                 reads: parameters, updates
                 changes: updates, after the optimizer
            forwardWrapper
              1. Everywhere(words: [four, one, three, two])
                 at: batch, before relu1, around linear2, output (4 sites)
                 reads: batch, what flows into the layer, the layer's input and parameters, what flows out of the layer
                 changes: inputs and targets of the batch, in training; what flows into the layer; \
            what the layer computes, and with which parameters; what flows out of the layer
              2. LayerNorm(
            """,
            """
                 at: before relu2
                 trains: 16 parameters of its own in LayerNorm/relu2.weight, LayerNorm/relu2.bias
                 reads: what flows into the layer
            """,
            """
                 reads: metrics of the epoch, variables
                 changes: variables, the learning rate, whether training continues; variables, for validation and at the end
              2. EarlyStopping(
            """,
            "355 parameters in all",
        ] {
            #expect(text.contains(lines), "\(lines)\nis not in\n\(text)")
        }
    }

    @Test func `the same as JSON`() throws {
        let plan = try plan()
        #expect(try JSONDecoder().decode(Plan.self, from: Data(plan.json.utf8)) == plan)
        for words in ["\"reads\" : [", "\"changes\" : [", "\"stage\" : \"update\"", "\"ownParameterCount\" : 16"] {
            #expect(plan.json.contains(words), "\(plan.json)")
        }
    }
}
