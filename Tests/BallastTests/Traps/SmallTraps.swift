import Ballast
import BallastPlugins
import Testing

/// Small promises that were once broken.
struct SmallTraps {
    @Test(arguments: [Float(0.5), 0.9, 0.99, 0.999, 0.9999, 0.99999])
    func `the mean stays at every probability of dropout`(p: Float) {
        let count = 1 << 22
        let y = dropout(.ones([count]), probability: p, from: RandomStream(seed: 4, purpose: "mask"))
        let values = Set(y.scalars)
        #expect(values.count == 2 && values.contains(0))
        let scale = Double(values.max() ?? 0)
        // The mean is kept exactly if the survivors are scaled by the inverse of their probability.
        let survivors = Double(y.scalars.count { $0 != 0 })
        let q = 1 / scale
        #expect(abs(survivors - q * Double(count)) < 5 * (q * Double(count)).squareRoot())
        #expect(abs(q - max(1 - Double(p), 1 / 65536)) <= 0.5 / 65536 * 1.001)
    }

    @Test func `a model of tokens is planned by the type of its input`() throws {
        let model = Sequential {
            Embedding(20, width: 4)
            Flatten()
            Linear(3)
        }
        let trainer = Trainer(model, loss: .crossEntropy, optimizer: Adam()) { Dropout(0.1, at: .after("embedding1")) }
        let plan = try trainer.plan(inputShape: [5], inputType: .int32)
        let tokens = try Dataset(
            inputs: Column(integers: (0..<40).map { Int32($0 % 20) }, itemShape: [5]),
            targets: Column(integers: (0..<8).map { Int32($0 % 3) }))
        #expect(plan.entries == (try trainer.plan(for: tokens).entries))
        #expect(plan.entries.map(\.sites) == [["after embedding1"]])
        #expect(try trainer.fit(tokens, epochs: 1).history.count == 1)
    }

    @Test(arguments: 0..<4) func `hyper-parameters that make no sense are refused with a word, in release too`(
        index: Int
    ) async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            [index = index as Int] in
            switch index {
            case 0: _ = DataAugmentation()
            case 1: _ = DataAugmentation(.rotation(degrees: .nan))
            case 2: _ = Dropout(1)
            default: _ = SGD(learningRate: -1)
            }
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        let names = ["DataAugmentation", "rotation", "Dropout", "SGD"]
        #expect(text.contains(names[index]), "\(text)")
    }

    @Test func `warnings of a plan are those of the run, and can be told by their identifier`() throws {
        let trainer = Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: Adam(), batchSize: 8) { L2(0.1) }
        let data = try Problem.rows()
        let plan = try trainer.plan(for: data)
        #expect(plan.warnings.map(\.identifier) == ["adaptive-l2"])
        #expect(plan.warnings == (try trainer.start(data, epochs: 1).diagnostics))
    }

    @Test func `a batch wrapper learns the number of classes, and where there are none`() throws {
        func classes(_ loss: Loss, _ data: Dataset) throws -> String {
            let log = Log()
            _ = try Trainer(Sequential { Linear(3) }, loss: loss, optimizer: SGD(learningRate: 0.1)) {
                BatchProbe(name: "classes", log: log) { batch, context, log in
                    log.add("\(context.classes ?? -1)")
                    return batch
                }
            }.fit(data, epochs: 1)
            return log.all[1]
        }
        #expect(try classes(.crossEntropy, Problem.rows()) == "3")
        #expect(try classes(.meanSquaredError, Dataset(inputs: [[1]], targets: [[1, 2, 3]])) == "-1")
    }

    @Test func `a layer's parameters are seen without running it, whatever an inner wrapper does`() throws {
        let log = Log()
        let twice = WrapperProbe(name: "twice", sites: [.around(.kind("linear"))]) { call, _, _ in
            _ = call.next()
            return call.next()
        }
        // A power iteration: it must move once in a step.
        let iteration = WrapperProbe(name: "iteration", sites: [.around(.kind("linear"))], log: log) {
            call, context, log in
            let count = context.scope.state("count", [1], initial: .zeros)
            count.value = count.value + 1
            if context.isTraining { log.add(call.parameters.map(\.path).joined(separator: " ")) }
            return call.next(call.input, replacing: call.parameters.map { $0.with($0.value * 0.5) })
        }
        let run = try PairedRun.fit(PairedRun.trainer([twice, iteration]), epochs: 1)
        #expect(run.variables["iteration/linear1.count"]?.item == 7)
        #expect(log.all.count { $0 == "linear2.weight linear2.bias" } == 7)
    }
}
