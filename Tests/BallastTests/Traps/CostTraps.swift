import Ballast
import BallastPlugins
import Testing

/// What techniques are charged with: their own work, and never what they let run.
struct CostTraps {
    private static let identity = WrapperProbe(name: "identity", sites: [.around(.kind("linear"))])

    /// A model whose matrix products take most of a step.
    private func costs(_ techniques: [any Technique], epochs: Int = 6) throws -> [HookCost] {
        let data = try Problem.rows(256, features: 512, classes: 8)
        let run = try Trainer(
            Sequential {
                Linear(768); ReLU(); Linear(768); ReLU(); Linear(8)
            }, loss: .crossEntropy,
            optimizer: SGD(learningRate: 0.01), batchSize: 128, composition: Composition(techniques)
        ).fit(data, validation: data.prefix(64), epochs: epochs)
        return run.costs
    }

    private func share(_ technique: String, _ costs: [HookCost]) -> Double {
        costs.filter { $0.technique == technique }.compactMap(\.share).reduce(0, +)
    }

    @Test func `an identity around layers costs less than a tenth of a step`() throws {
        // The least of a few runs: what else the machine does may fall into any account.
        let shares = try (0..<3).map { _ in share("identity", try costs([Self.identity])) }
        #expect(shares.allSatisfy { $0 > 0 })
        #expect(shares.min() ?? 1 < 0.1, "\(shares)")
    }

    @Test func `a second pass belongs to the model, and not to the technique that requested it`() throws {
        // Two passes out of two: charged to the technique, they would be half of the step.
        let costs = try costs([Sharpness()])
        #expect(share("Sharpness", costs) > 0)
        #expect(share("Sharpness", costs) < 0.35)
    }

    @Test func `the shares of one run add up to at most a whole step`() throws {
        let nested = WrapperProbe(name: "nested", sites: [.around(.model), .around(.kind("linear"))])
        let busy = PenaltyExtra()
        let costs = try costs([nested, Self.identity, Sharpness(), busy, Dropout(0.3), L2(0.01), DecoupledDecay(0.1)])
        let total = costs.compactMap(\.share).reduce(0, +)
        #expect(total > 0 && total <= 1, "\(costs)")
        #expect(Set(costs.map(\.technique)).count == 7)
    }

    struct PenaltyExtra: LossPenalty {
        func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
            (context.output(of: context.batch.input + 0.01) - context.output).squared().mean()
                + context.inputGradient().squared().mean()
        }
    }

    @Test func `epochs of any length measure steps, whatever the period`() throws {
        for size in [4, 8, 16, 32] {
            let data = try Problem.rows(size * 16)
            let run = try Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: Adam(), batchSize: size) {
                Dropout(0.2)
            }.fit(data, epochs: 12)
            let measured = run.history.count { !$0.costs.isEmpty }
            #expect(measured >= 4, "\(measured) of 12 epochs of 16 steps")
        }
    }
}
