import Ballast
import BallastPlugins
import Testing

/// Evaluation changes nothing and draws nothing; validation is the data's loss.
struct PurityTests {
    private func trainer(_ composition: Composition = Composition()) -> Trainer {
        Trainer(
            Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1, momentum: 0.9), batchSize: 8,
            composition: composition)
    }

    private func noisy(_ log: Log = Log()) -> Composition {
        Composition {
            L2(1e-2)
            Dropout(0.4)
            Tracker()
            BatchProbe(
                name: "Jitter", log: log,
                batch: { batch, context, _ in
                    var batch = batch
                    batch.input = batch.input + Tensor.normal(batch.input.shape, deviation: 0.1, from: context.random)
                    return batch
                })
        }
    }

    @Test func `two evaluations are equal and leave the variables alone`() throws {
        let data = try Problem.rows()
        let run = try trainer(noisy()).fit(data, epochs: 2, seed: 1)
        let before = run.variables
        let input = Tensor.uniform([5, 10], from: RandomStream(seed: 1, purpose: "input"))
        let (first, second) = (try run.evaluate(data), try run.evaluate(data))
        #expect(first == second)
        #expect(first.loss.isFinite)
        #expect(difference(try run.predict(input), try run.predict(input), "prediction") == nil)
        #expect(differences(run.variables, before) == [])
    }

    @Test func `state that a technique sets in evaluation stays what it was`() throws {
        let counter = WrapperProbe(
            name: "counter", sites: [.output],
            call: { call, context, _ in
                let count = context.scope.state("count", [], initial: .zeros)
                let calls = context.scope.number("calls", initial: 0)
                count.value = count.value + 1
                calls.value += 1
                return call.next() + Float(calls.value) * 0
            })
        let data = try Problem.rows()
        let run = try trainer(Composition { counter }).fit(data, validation: data, epochs: 2)
        _ = try run.evaluate(data)
        _ = try run.predict(.zeros([1, 10]))
        #expect(run.variables["counter/output.count"]?.item == 14, "the 14 steps, and nothing else")
    }

    @Test func `evaluating between steps does not change what is trained`() throws {
        let data = try Problem.rows()
        let trainer = trainer(noisy())
        let plain = try trainer.fit(data, validation: data.prefix(9), epochs: 2, seed: 1)
        let watched = try trainer.start(data, validation: data.prefix(9), epochs: 2, seed: 1)
        let input = Tensor.uniform([5, 10], from: RandomStream(seed: 1, purpose: "input"))
        while try watched.step() {
            _ = try watched.evaluate(data)
            _ = try watched.predict(input)
        }
        #expect(differences(watched.variables, plain.variables) == [])
        #expect(account(watched) == account(plain))
    }

    @Test func `noise and batch mixing are the identity in evaluation`() throws {
        let data = try Problem.rows()
        let log = Log()
        let composition = noisy(log).without("Tracker")
        let run = try trainer(composition).fit(data, epochs: 1, seed: 1)
        let calls = log.all.count
        #expect(calls == 7, "one for each step")
        let bare = try trainer().start(data, epochs: 1, seed: 1)
        try bare.replaceVariables(run.variables)
        let input = Tensor.uniform([5, 10], from: RandomStream(seed: 1, purpose: "input"))
        #expect(difference(try run.predict(input), try bare.predict(input), "prediction") == nil)
        #expect(try run.evaluate(data) == bare.evaluate(data))
        #expect(log.all.count == calls, "no batch is transformed in evaluation")
    }

    @Test func `the validation loss has no penalty in it, and the training loss neither`() throws {
        let data = try Problem.rows()
        let held = data.prefix(13)
        // At a learning rate of 0 the parameters stay as they are, so that every loss can be worked out afterwards.
        let trainer = Trainer(
            Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0), batchSize: 8
        ) { L2(100) }
        let run = try trainer.fit(data, validation: held, epochs: 1, seed: 1)
        let record = run.history[0]
        func loss(_ data: Dataset) throws -> Double {
            let batch = try #require(Array(data.batches(ofSize: 1000)).first)
            return Double(crossEntropy(try run.predict(batch.input), batch.target).item)
        }
        let squares = run.variables.entries.filter { $0.role == .weight }.reduce(0.0) { sum, entry in
            sum + entry.value.scalars.reduce(0.0) { $0 + Double($1) * Double($1) }
        }
        #expect(abs(try #require(record.validationLoss) - loss(held)) < 1e-6)
        #expect(abs(record.trainLoss - (try loss(data))) < 1e-6)
        #expect(record.penalties.map(\.name) == ["L2"])
        #expect(abs(record.penalties[0].value - 50 * squares) < 1e-5 * 50 * squares)
    }

    @Test func `nothing is recorded in evaluation`() throws {
        let data = try Problem.rows()
        let log = Log()
        let loss = Loss("watched", target: .classes) { output, target in
            log.add(output.isTracked ? "tracked" : "free")
            return crossEntropy(output, target)
        }
        let trainer = Trainer(Problem.perceptron, loss: loss, optimizer: SGD(learningRate: 0.1), batchSize: 60)
        let run = try trainer.fit(data, validation: data, epochs: 1)
        _ = try run.evaluate(data)
        #expect(log.all == ["tracked", "free", "free"])
        #expect(!(try run.predict(Tensor.zeros([1, 10])).isTracked))
    }
}
