import BallastPlugins
import Testing

@testable import samples

/// The effects that the literature reports, over five seeds: as orders, not as values. `samples effects` checks those of
/// the samples that take longer.
@Suite struct EffectTests {
    private func results(_ sample: Sample, _ names: Set<String>, epochs: Int? = nil) throws -> [ComparedRun] {
        let experiment = try sample.prepare(Sample.Options(isQuick: true))
        return try Comparison(experiment.trainer, experiment.compositions.filter { names.contains($0.name) }).run(
            train: experiment.train, validation: experiment.validation, test: experiment.test,
            epochs: epochs ?? sample.quickEpochs, seeds: [0, 1, 2, 3, 4], runsAtOnce: 2)
    }

    @Test(arguments: ["weight-decay", "sparse-features", "noisy-line", "uncertainty"])
    func `the effects of fast samples are observed at their quick size`(name: String) throws {
        let sample = try Sample.named(name)
        let effects = try EffectResult.all(
            sample.effects, in: try results(sample, Set(sample.effects.flatMap(\.compositions))))
        #expect(effects.count == sample.effects.count && !effects.isEmpty)
        for result in effects {
            #expect(result.seeds == 5)
            #expect(result.isObserved, "\(result.description)")
        }
    }

    @Test func `every sample has effects, of compositions that it has`() throws {
        for sample in Sample.all {
            let names = try sample.prepare(Sample.Options(isQuick: true)).compositions.map(\.name)
            #expect(sample.effects.contains { $0.isExpected }, "\(sample.name)")
            for effect in sample.effects {
                #expect(Set(names).isSuperset(of: effect.compositions), "\(sample.name): \(effect.claim)")
            }
        }
    }

    @Test func `an effect is an order of means over the seeds that both compositions have run with`() throws {
        // What each composition has with the seeds 0 to 4.
        let table = ["none": [4.0, 4, 4, 4, 40], "l2": [1.0, 1, 5, 5, 10]]
        let measure = Effect.Measure(name: "loss") { table[$0.composition]?[Int($0.seed)] ?? .nan }
        let all = try results(.weightDecay, ["none", "l2"], epochs: 1)
        let below = try #require(
            try EffectResult(Effect("less", measure, of: "l2", isBelow: "none"), in: all))
        #expect(below.lower == 4.4 && below.higher == 11.2)
        #expect(below.isObserved && below.agreeing == 3 && below.seeds == 5)
        // Without the last run of l2, the last seed does not count.
        let fewer = all.filter { $0.composition == "none" || $0.seed < 4 }
        let above = try #require(
            try EffectResult(Effect("more", measure, of: "l2", isAbove: "none"), in: fewer))
        #expect(above.lower == 4 && above.higher == 3)
        #expect(!above.isObserved && above.agreeing == 2 && above.seeds == 4)
        let unexpected = try #require(
            try EffectResult(
                Effect("unlikely", measure, of: "l2", isAbove: "none", isExpected: false), in: all))
        let single = try #require(
            try EffectResult(Effect("one", measure, of: "l2", isBelow: "none"), in: all.filter { $0.seed == 4 }))
        try Golden.expect(
            [below, above, unexpected, single].map(\.description).joined(separator: "\n"), is: "effects.txt")
        let missing = Effect("?", measure, of: "l2", isBelow: "decay")
        #expect(try EffectResult(missing, in: all) == nil)
        let nan = Effect.Measure(name: "loss") { $0.seed == 0 ? .nan : 1 }
        let unknown = try #require(try EffectResult(Effect("?", nan, of: "l2", isBelow: "none"), in: all))
        #expect(!unknown.isObserved)
    }

    @Test func `L2 and decoupled decay are the same under SGD`() throws {
        let runs = try results(.weightDecay, ["l2", "decay"])
        for (l2, decay) in zip(runs.filter { $0.composition == "l2" }, runs.filter { $0.composition == "decay" }) {
            #expect(abs(l2.weightNorm - decay.weightNorm) < 1e-3 * l2.weightNorm)
        }
    }

    @Test func `proximal L1 is exactly zero for most features, and L2 for none`() throws {
        for run in try results(.sparseFeatures, ["l2", "proximal-l1"]) {
            #expect(run.composition == "l2" ? run.zeroWeights.count == 0 : run.zeroWeights.count > 500)
        }
    }

    @Test func `without dropout there is no band`() throws {
        let places = Tensor([0, 0.65, -0.65], shape: [3, 1])
        for result in try results(.uncertainty, ["none"], epochs: 50) {
            #expect(try result.run.predict(places, samples: 20).variance.scalars == [0, 0, 0])
        }
    }

    @Test func `the interval of differences is Student's`() {
        func text(_ values: [Double]) -> String { Difference(technique: "", metric: "", values: values, time: 0).text }
        // Mean 2, standard error 1/√3, t(0.975; 2) = 4.303.
        #expect(text([1, 2, 3]) == "+2.0000 ± 2.4843")
        #expect(text([0.5]) == "+0.5000")
        #expect(text([]) == "-")
    }
}
