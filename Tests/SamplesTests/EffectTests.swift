import BallastPlugins
import Testing

@testable import samples

/// The effects that the field knows, over five seeds: as orders, not as values.
@Suite struct EffectTests {
    private func results(_ sample: Sample, _ names: [String], epochs: Int? = nil) throws -> [String: [ComparedRun]] {
        let experiment = try sample.prepare(Sample.Setting(isQuick: true))
        let results = try Comparison(experiment.trainer, experiment.compositions.filter { names.contains($0.name) })
            .run(
                train: experiment.train, validation: experiment.validation, test: experiment.test,
                epochs: epochs ?? sample.quickEpochs, seeds: [0, 1, 2, 3, 4])
        return Dictionary(grouping: results, by: \.composition)
    }

    @Test func `weight decay shrinks the weights and the test loss, and L2 is the same under SGD`() throws {
        let runs = try results(.weightDecay, ["none", "l2", "decay"])
        for seed in 0..<5 {
            let (none, l2, decay) = try (
                #require(runs["none"]?[seed]), #require(runs["l2"]?[seed]), #require(runs["decay"]?[seed])
            )
            #expect(l2.weightNorm < none.weightNorm)
            #expect(try #require(l2.test).loss < #require(none.test).loss)
            #expect(abs(l2.weightNorm - decay.weightNorm) < 1e-3 * l2.weightNorm)
        }
    }

    @Test func `proximal L1 recovers the support better than L2, and is exactly zero elsewhere`() throws {
        let runs = try results(.sparseFeatures, ["l2", "proximal-l1"])
        func found(_ run: ComparedRun) throws -> Int {
            let weights = try #require(run.run.variables["weight"]).scalars
            let largest = weights.indices.sorted { abs(weights[$0]) > abs(weights[$1]) }.prefix(20)
            return largest.filter { $0 % 50 == 7 }.count
        }
        for seed in 0..<5 {
            let (l2, proximal) = try (#require(runs["l2"]?[seed]), #require(runs["proximal-l1"]?[seed]))
            #expect(try found(proximal) > found(l2))
            #expect(proximal.zeroWeights.count > 500 && l2.zeroWeights.count == 0)
            #expect(try #require(proximal.test).loss < #require(l2.test).loss)
        }
    }

    @Test func `dropout narrows the gap on the noisy line, on the mean of the seeds`() throws {
        let runs = try results(.noisyLine, ["none", "dropout-0.5"])
        func gap(_ name: String) -> Double {
            (runs[name] ?? []).reduce(0) { $0 + ($1.test?.loss ?? .nan) - $1.train.loss } / 5
        }
        #expect(gap("dropout-0.5") < gap("none"), "\(gap("dropout-0.5")), without \(gap("none"))")
    }

    @Test func `the band is zero without dropout, and wider in the gap than where there is data`() throws {
        let runs = try results(.uncertainty, ["none", "dropout-0.1"], epochs: 400)
        let places = Tensor([0, 0.65, -0.65], shape: [3, 1])
        for seed in 0..<5 {
            let none = try #require(runs["none"]?[seed]).run.predict(places, samples: 20).variance.scalars
            #expect(none == [0, 0, 0])
        }
        let variances = try #require(runs["dropout-0.1"]).map {
            try $0.run.predict(places, samples: 50).variance.scalars
        }
        let (inside, left, right) = (0, 1, 2)
        func mean(_ place: Int) -> Float { variances.reduce(0) { $0 + $1[place] } / 5 }
        #expect(mean(inside) > mean(left) && mean(inside) > mean(right), "\(variances)")
    }

    @Test func `the interval of differences is Student's`() {
        // Mean 2, standard error 1/√3, t(0.975; 2) = 4.303.
        #expect(Ablation.interval([1, 2, 3]) == "+2.0000 ± 2.4843")
        #expect(Ablation.interval([0.5]) == "+0.5000")
        #expect(Ablation.interval([]) == "-")
    }
}
