import Ballast
import BallastPlugins
import Testing

/// Data flows through a composition from top to bottom; around a layer the first listed stands nearest to it.
struct OrderTests {
    /// y = x, so that what techniques do can be read off.
    private static let identity = Sequential { Linear(1, bias: false, weight: .values([1])) }

    private func run(_ model: some Layer = identity, @CompositionBuilder _ techniques: () -> [any Technique]) throws
        -> Run
    {
        let trainer = Trainer(
            model, loss: .meanSquaredError, optimizer: SGD(learningRate: 0), batchSize: 1, techniques)
        return try trainer.start(Dataset(inputs: [[3]], targets: [[0]]), epochs: 1)
    }

    /// Multiplies by 2, and adds 1: which of the two came first shows in the result.
    private static func double(_ sites: Site...) -> WrapperProbe {
        WrapperProbe(name: "double", sites: sites, call: { call, _, _ in call.next() * 2 })
    }
    private static func increment(_ sites: Site...) -> WrapperProbe {
        WrapperProbe(name: "increment", sites: sites, call: { call, _, _ in call.next() + 1 })
    }

    @Test(arguments: [Site.before("linear1"), .around("linear1"), .after("linear1"), .input, .output, .around(.model)])
    func `at one site the first listed acts first`(site: Site) throws {
        let doubledFirst = try run {
            Self.double(site)
            Self.increment(site)
        }
        let incrementedFirst = try run {
            Self.increment(site)
            Self.double(site)
        }
        #expect(try doubledFirst.predict(Tensor([3], shape: [1, 1])).item == 7, "2 x 3 + 1")
        #expect(try incrementedFirst.predict(Tensor([3], shape: [1, 1])).item == 8, "(3 + 1) x 2")
    }

    @Test func `sites follow the way of the data: before, around, after`() throws {
        let log = Log()
        let run = try run {
            WrapperProbe(name: "a", sites: [.output, .after("linear1"), .around("linear1")], log: log)
            WrapperProbe(name: "b", sites: [.around("linear1"), .before("linear1"), .input], log: log)
        }
        let start = log.all.count
        _ = try run.predict(Tensor([3], shape: [1, 1]))
        #expect(
            Array(log.all.dropFirst(start)) == [
                "b before ", "b before linear1", "b around linear1", "a around linear1", "a after linear1", "a after ",
            ])
    }

    @Test func `replaced parameters flow inward, to the nearest wrapper last`() throws {
        func change(_ name: String, _ body: @escaping @Sendable (Tensor) -> Tensor) -> WrapperProbe {
            WrapperProbe(
                name: name, sites: [.around("linear1")],
                call: { call, _, _ in
                    call.next(call.input, replacing: call.parameters.map { $0.with(body($0.value)) })
                })
        }
        let run = try run {
            change("double") { $0 * 2 }
            change("increment") { $0 + 1 }
        }
        #expect(try run.predict(Tensor([5], shape: [1, 1])).item == 20, "5 x 2 x (1 + 1)")
        #expect(run.variables.entries[0].value.item == 1, "the parameter itself stays")
    }

    @Test func `batches are changed from top to bottom, in the phase of training`() throws {
        let log = Log()
        func change(_ name: String, _ body: @escaping @Sendable (Tensor) -> Tensor) -> BatchProbe {
            BatchProbe(
                name: name, log: log,
                batch: { batch, context, log in
                    if !context.isTraining { log.add("not in training") }
                    var batch = batch
                    batch.input = body(batch.input)
                    return batch
                })
        }
        let run = try run {
            change("double") { $0 * 2 }
            change("increment") { $0 + 1 }
            WrapperProbe(
                name: "look", sites: [.input], log: log,
                call: { call, _, log in
                    log.add("\(call.input.scalars)")
                    return call.next()
                })
        }
        let start = log.all.count
        try run.step()
        #expect(Array(log.all.dropFirst(start)) == ["double batch", "increment batch", "look before ", "[7.0]"])
    }

    @Test func `a step calls the hooks in the order of the design, stage by stage`() throws {
        let log = Log()
        let data = try Dataset(inputs: [[1], [2]], targets: [[0], [1]])
        let trainer = Trainer(Self.identity, loss: .meanSquaredError, optimizer: Adam(), batchSize: 1) {
            CallbackProbe(name: "c1", log: log, validating: { _ in nil })
            TransformProbe(name: "u1", stage: .update, log: log)
            TransformProbe(name: "g1", stage: .gradient, log: log)
            PenaltyProbe(name: "p1", log: log, observes: ["linear1"])
            BatchProbe(name: "w1", log: log)
            WrapperProbe(name: "w2", sites: [.after("linear1")], log: log)
            TransformProbe(name: "u2", stage: .update, log: log)
            PenaltyProbe(name: "p2", log: log)
            TransformProbe(name: "g2", stage: .gradient, log: log)
            CallbackProbe(name: "c2", log: log)
        }
        let run = try trainer.start(data, validation: data.prefix(1), epochs: 1)
        let start = log.all.count
        try run.step()
        let step = [
            "w1 batch", "w2 after linear1", "p1 penalty", "p1 sees linear1", "p2 penalty", "g1 gradient", "g2 gradient",
            "u1 update", "u2 update",
        ]
        #expect(Array(log.all.dropFirst(start)) == step)
        try run.step()
        #expect(
            Array(log.all.dropFirst(start + step.count))
                == step + ["c1 validating", "w2 after linear1", "c1 ended", "c2 ended"])
    }

    @Test func `a penalty sees the activations it asked for, and not those that others asked for`() throws {
        let log = Log()
        let run = try run(
            Sequential {
                Linear(2)
                ReLU()
                Linear(1)
            }
        ) {
            PenaltyProbe(name: "p", log: log, observes: ["linear1", "linear2"])
            PenaltyProbe(name: "q", log: log, observes: [.activations])
            PenaltyProbe(name: "r", log: log)
        }
        try run.step()
        #expect(
            log.all == [
                "p penalty", "p sees linear1", "p sees linear2", "q penalty", "q sees relu1", "r penalty",
            ])
    }

    @Test func `gradient transforms act one upon the other`() throws {
        func trained(_ names: [String], _ stage: GradientStage = .gradient) throws -> Float {
            let changes: [String: @Sendable (inout Gradients, GradientContext, Log) -> Void] = [
                "double": { gradients, _, _ in gradients.scale(by: 2) },
                "one": { gradients, _, _ in gradients.transform { gradient, _ in gradient + 1 } },
                "decay": { gradients, _, _ in gradients.addParameters(times: 3) },
                "threshold": { gradients, _, _ in
                    for index in gradients.indices { gradients.applySoftThreshold(index, 3) }
                },
            ]
            let trainer = Trainer(
                Self.identity, loss: .meanSquaredError, optimizer: SGD(learningRate: 1), batchSize: 1,
                composition: Composition(
                    names.enumerated().map { index, name in
                        TransformProbe(name: "\(index) \(name)", stage: stage, body: changes[name] ?? { _, _, _ in })
                    }))
            let run = try trainer.fit(Dataset(inputs: [[1]], targets: [[-4]]), epochs: 1)
            return run.variables.entries[0].value.item
        }
        // The gradient is 2 (1 + 4) = 10, the parameter 1.
        #expect(try trained([]) == 1 - 10)
        #expect(try trained(["double", "one"]) == 1 - 21)
        #expect(try trained(["one", "double"]) == 1 - 22)
        #expect(try trained(["decay", "double"]) == 1 - 26)
        #expect(try trained(["double", "decay", "one"]) == 1 - 24)
        #expect(try trained(["one", "decay", "double"]) == 1 - 28)
        // A gradient has no threshold.
        #expect(throws: TrainingError.self) { try trained(["threshold"]) }
        // The update is -10.
        #expect(try trained(["threshold"], .update) == -6)
        #expect(try trained(["threshold", "threshold"], .update) == -3)
        #expect(try trained(["threshold", "double"], .update) == 1 - 14)
        #expect(try trained(["double", "threshold"], .update) == -16)
        #expect(try trained(["threshold", "decay"], .update) == 1 - 7 + 3)
        #expect(try trained(["decay", "threshold"], .update) == -3)
        #expect(try trained(["one", "threshold", "one"], .update) == -4)
    }
}
