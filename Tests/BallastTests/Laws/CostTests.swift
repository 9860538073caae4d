import Ballast
import BallastPlugins
import Testing

/// A hook that no technique of the run uses costs nothing.
struct CostTests {
    /// The number of records that a training step has made when the loss is asked for, parameters included.
    private func records(@CompositionBuilder _ techniques: () -> [any Technique]) throws -> [Int] {
        let log = Log()
        let loss = Loss("counting", target: .classes) { output, target in
            log.add("\(Tape.of(output)?.count ?? 0)")
            return crossEntropy(output, target)
        }
        let trainer = Trainer(
            Problem.perceptron, loss: loss, optimizer: SGD(learningRate: 0.1), batchSize: 30,
            silencing: ["adaptive-l2"],
            techniques)
        _ = try trainer.fit(Problem.rows(), epochs: 1)
        return log.all.compactMap { Int($0) }
    }

    @Test func `a pass records what the loop by hand records, and no technique of another hook adds to it`() throws {
        var byHand = 0
        let data = try #require(Array(Problem.rows().batches(ofSize: 30)).first)
        let start = try Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: Adam()).start(
            Problem.rows(), epochs: 1)
        _ = valueWithGradients(at: start.variables.entries.map(\.value)) { p in
            let first = linear(data.input, p[0], p[1], relu: true)
            let output = linear(linear(first, p[2], p[3], relu: true), p[4], p[5])
            byHand = Tape.of(output)?.count ?? 0
            return crossEntropy(output, data.target)
        }
        #expect(try records {} == [byHand, byHand])
        let others = try records {
            L2(0.1)
            DecoupledDecay(0.1)
            TransformProbe(name: "g")
            CallbackProbe(name: "c")
            BatchProbe(
                name: "w")
        }
        #expect(others == [byHand, byHand])
        #expect(try records { Dropout(0.5) }.allSatisfy { $0 > byHand }, "what wraps layers records")
    }

    @Test func `a run without techniques has no costs, and a plan that says so`() throws {
        let data = try Problem.rows()
        let trainer = Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: Adam(), batchSize: 8)
        let run = try trainer.fit(data, validation: data, epochs: 2)
        #expect(run.history.allSatisfy { $0.costs.isEmpty && $0.penalties.isEmpty })
        #expect(run.costs.isEmpty)
        let plan = try trainer.plan(for: data)
        #expect(plan.entries.isEmpty)
        for hook in Hook.allCases { #expect(plan.description.contains("\(hook.rawValue): none")) }
    }

    @Test func `costs are charged to the technique and the hook that made them, and to no other`() throws {
        let data = try Problem.rows()
        let trainer = Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1), batchSize: 8)
        {
            L2(0.1)
            Dropout(0.3)
            DecoupledDecay(0.01)
            EarlyStopping(patience: 9)
        }
        let run = try trainer.fit(data, validation: data, epochs: 2)
        let expected = [
            "L2 lossPenalty", "Dropout forwardWrapper", "DecoupledDecay gradientTransform",
            "EarlyStopping epochCallback",
        ]
        #expect(run.history[0].costs.map { "\($0.technique) \($0.hook)" } == expected)
        for cost in run.history[0].costs {
            #expect(cost.seconds > 0 && cost.seconds < 10, "\(cost)")
            #expect(cost.share.map { $0 > 0 && $0 < 1 } ?? (cost.hook == .epochCallback), "\(cost)")
        }
    }

    @Test func `a technique is called at the hooks, sites, stages and moments that it names, and nowhere else`() throws
    {
        let data = try Problem.rows()
        let log = Log()
        let trainer = Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: Adam(), batchSize: 30) {
            BatchProbe(
                name: "batch", log: log)
            WrapperProbe(name: "layer", sites: [.after("relu2")], log: log)
            TransformProbe(name: "update", stage: .update, log: log)
            CallbackProbe(name: "swap", log: log)
            PenaltyProbe(name: "penalty", log: log)
        }
        let run = try trainer.start(data, validation: data, epochs: 1)
        let start = log.all.count
        try run.finish()
        let step = ["batch batch", "layer after relu2", "penalty penalty", "update update"]
        #expect(Array(log.all.dropFirst(start)) == step + step + ["layer after relu2", "swap ended"])
    }
}
