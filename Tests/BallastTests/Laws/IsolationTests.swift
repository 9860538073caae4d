import Ballast
import BallastPlugins
import Foundation
import Synchronization
import Testing

/// Runs share nothing: one composition serves any number of them, one after another or at the same time.
struct IsolationTests {
    private func fit(_ trainer: Trainer, seed: UInt64) throws -> Run {
        let data = try Problem.rows()
        return try trainer.fit(data, validation: data.prefix(20), epochs: 3, seed: seed)
    }

    @Test func `a composition used twice gives the same twice`() throws {
        let trainer = ResumeTests.everything()
        let first = try fit(trainer, seed: 3)
        let second = try fit(trainer, seed: 3)
        #expect(differences(second.variables, first.variables) == [])
        #expect(account(second) == account(first))
        #expect(digest(try fit(trainer, seed: 4).variables) != digest(first.variables), "another seed is another run")
    }

    @Test func `runs that are driven in turns do not see each other`() throws {
        let data = try Problem.rows()
        let trainer = ResumeTests.everything()
        let alone = try [3, 4].map { try fit(trainer, seed: $0) }
        let runs = try [UInt64(3), 4].map { seed in
            try trainer.start(data, validation: data.prefix(20), epochs: 3, seed: seed)
        }
        var isGoing = true
        while isGoing { isGoing = try runs.map { try $0.step() }.contains(true) }
        for (run, expected) in zip(runs, alone) {
            #expect(differences(run.variables, expected.variables) == [], "seed \(run.seed)")
            #expect(account(run) == account(expected), "seed \(run.seed)")
        }
    }

    @Test func `runs on several threads at once do not see each other`() throws {
        let trainer = ResumeTests.everything()
        let expected = try (0..<4).map { digest(try fit(trainer, seed: UInt64($0)).variables) }
        let digests = Mutex([UInt64](repeating: 0, count: 16))
        DispatchQueue.concurrentPerform(iterations: 16) { index in
            let run = try? fit(trainer, seed: UInt64(index % 4))
            digests.withLock { $0[index] = run.map { digest($0.variables) } ?? 0 }
        }
        #expect(digests.withLock { $0 } == (0..<16).map { expected[$0 % 4] })
    }

    /// What is left at a site: 1 where an element passes, 0 where it is zeroed.
    private static func mask(_ name: String, _ log: Log, after layer: LayerSelector) -> WrapperProbe {
        WrapperProbe(
            name: name, sites: [.after(layer)],
            call: { call, context, _ in
                let x = call.next()
                if context.isTraining { log.add(String(x.scalars.map { $0 == 0 ? "0" : "1" })) }
                return x
            })
    }

    @Test func `removing a technique leaves the draws of the others as they were`() throws {
        let data = try Problem.rows()
        func draws(_ keep: Set<String>, isReversed: Bool = false) throws -> [String: [String]] {
            let logs = ["first": Log(), "second": Log(), "jitter": Log(), "samples": Log()]
            var techniques: [any Technique] = [
                Dropout(0.4, at: .after("linear1"), named: "first"),
                Dropout(0.3, at: .after("linear2"), named: "second"),
                BatchProbe(
                    name: "jitter",
                    batch: { [log = logs["jitter"]] batch, context, _ in
                        let noise = Tensor.normal(batch.input.shape, deviation: 0.1, from: context.random)
                        log?.add("\(noise.scalars)")
                        var batch = batch
                        batch.input = batch.input + noise
                        return batch
                    }),
                L2(0.1),
            ].filter { keep.contains($0.name) }
            if isReversed { techniques.reverse() }
            for (name, layer) in [("first", "linear1"), ("second", "linear2")] where keep.contains(name) {
                if let log = logs[name] { techniques.append(Self.mask("\(name) mask", log, after: .named(layer))) }
            }
            techniques.append(
                BatchProbe(
                    name: "samples",
                    batch: { [log = logs["samples"]] batch, _, _ in
                        log?.add("\(Array(batch.samples))")
                        return batch
                    }))
            let trainer = Trainer(
                Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1), batchSize: 8,
                composition: Composition(techniques))
            _ = try trainer.fit(data, epochs: 2, seed: 8)
            return logs.mapValues(\.all)
        }
        let all: Set = ["first", "second", "jitter", "L2"]
        let expected = try draws(all)
        #expect(expected.allSatisfy { $0.value.count == 14 }, "14 steps")
        for (name, lines) in expected { #expect(Set(lines).count == 14, "\(name) draws anew in each step") }
        #expect(expected["first"] != expected["second"])
        for removed in all {
            for isReversed in [false, true] {
                let got = try draws(all.subtracting([removed]), isReversed: isReversed)
                for name in ["first", "second", "jitter", "samples"] where name != removed {
                    #expect(got[name] == expected[name], "\(name) without \(removed), reversed: \(isReversed)")
                }
            }
        }
    }

    @Test func `each technique, site, purpose, step and seed draws numbers of its own, and always the same`() throws {
        func draws(seed: UInt64) throws -> [String] {
            let log = Log()
            func probe(_ name: String) -> WrapperProbe {
                WrapperProbe(
                    name: name, sites: [.after("relu1"), .after("relu2")], log: Log(),
                    call: { call, context, _ in
                        if context.isTraining {
                            log.add("\(context.random.words(4))")
                            log.add("\(context.scope.random("second").words(4))")
                        }
                        return call.next()
                    })
            }
            func batchProbe(_ name: String) -> BatchProbe {
                BatchProbe(
                    name: name, log: Log(),
                    batch: { batch, context, _ in
                        log.add("\(context.random.words(4))")
                        for sample in batch.samples { log.add("\(context.random(sample: sample).words(4))") }
                        return batch
                    })
            }
            let trainer = Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: Adam(), batchSize: 8) {
                probe("a")
                probe("b")
                batchProbe("c")
                batchProbe("d")
            }
            _ = try trainer.fit(Problem.rows(), epochs: 2, seed: seed)
            return log.all
        }
        let drawn = try draws(seed: 1)
        // 14 steps of 2 techniques with 4 streams at sites and 1 for the batch, and 106 samples of 2 techniques.
        #expect(drawn.count == 14 * 2 * 5 + 106 * 2)
        #expect(Set(drawn).count == drawn.count, "no stream is drawn from twice")
        #expect(try draws(seed: 1) == drawn)
        #expect(Set(drawn).isDisjoint(with: try draws(seed: 2)))
    }

    @Test func `all compositions of a comparison start from the same parameters and see the same batches`() throws {
        let data = try Problem.rows()
        let log = Log()
        let probe = BatchProbe(
            name: "samples", log: log,
            batch: { batch, context, log in
                if context.epoch == 0 { log.add("\(Array(batch.samples))") }
                return batch
            })
        let trainer = Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: Adam(), batchSize: 8)
        let comparison = Comparison(
            trainer,
            [
                ("none", Composition { probe }),
                (
                    "decay",
                    Composition {
                        DecoupledDecay(0.1); probe
                    }
                ),
                (
                    "noise",
                    Composition {
                        Dropout(0.5); probe; EarlyStopping(patience: 1)
                    }
                ),
            ])
        var starts: [String: UInt64] = [:]
        let results = try comparison.run(
            train: data, validation: data, test: data, epochs: 1, seeds: [1, 2],
            observer: { name, seed, event in
                if case .started(let run, _) = event { starts["\(name) \(seed)"] = digest(run.variables) }
            })
        #expect(results.map(\.composition) == ["none", "decay", "noise", "none", "decay", "noise"])
        #expect(starts.count == 6)
        for seed in [1, 2] { #expect(Set(["none", "decay", "noise"].map { starts["\($0) \(seed)"] }).count == 1) }
        #expect(starts["none 1"] != starts["none 2"])
        let batches = log.all.filter { $0.hasPrefix("[") }
        #expect(batches.count == 42)
        #expect(batches[0..<7] == batches[7..<14] && batches[0..<7] == batches[14..<21])
        #expect(batches[0..<7] != batches[21..<28])
        #expect(Set(results[0..<3].map { digest($0.run.variables) }).count == 3, "the techniques do act")
    }
}
