import Ballast
import BallastPlugins
import Foundation
import Testing

/// Penalties that own parameters, crossed with optimizers, groups and further techniques.
struct OwnParameterPairs {
    static let optimizers: [any Optimizer] = [
        SGD(learningRate: 0.1), SGD(learningRate: 0.1, momentum: 0.9, nesterov: true), Adam(learningRate: 0.02),
        RMSProp(learningRate: 0.01), OwnAdam(),
    ]

    @Test(arguments: optimizers.indices) func `a penalty's own parameters are trained as the model's are`(index: Int)
        throws
    {
        let run = try PairedRun.fit(PairedRun.trainer([Centers(strength: 0.5)], optimizer: Self.optimizers[index]))
        let start = try PairedRun.fit(
            PairedRun.trainer([Centers(strength: 0.5)], optimizer: Self.optimizers[index]), epochs: 0)
        let (before, after) = (start.variables["Centers/centers"], run.variables["Centers/centers"])
        #expect(before?.shape == [3, 8])
        #expect(before?.scalars != after?.scalars)
    }

    @Test func `a step moves a penalty's own parameters by the gradient of the closed form`() throws {
        let data = try Problem.rows()
        var trainer = PairedRun.trainer(
            [Centers(strength: 0.5)], optimizer: SGD(learningRate: 0.1), schedule: .constant)
        trainer.batchSize = data.count
        let run = try trainer.start(data, epochs: 1)
        func value(_ path: String) throws -> Tensor { try #require(run.variables[path]) }
        let batch = try #require(Array(data.batches(ofSize: data.count)).first)
        let hidden = linear(batch.input, try value("linear1.weight"), try value("linear1.bias")).relu()
        let features = linear(hidden, try value("linear2.weight"), try value("linear2.bias"))
        let centers = try value("Centers/centers")
        let shape = centers.shape
        try run.step()
        // d/dc of 0.5 mean (f − c)² over n d elements: −(1 / n d) Σ (f − c) over the samples of the class.
        let differences = (features - centers.gathered(rows: batch.target)).scalars
        var expected = centers.scalars
        for (row, label) in batch.target.integers.enumerated() {
            for column in 0..<shape[1] {
                expected[Int(label) * shape[1] + column] +=
                    0.1 * differences[row * shape[1] + column] / Float(data.count * shape[1])
            }
        }
        let got = try value("Centers/centers").scalars
        #expect(zip(got, expected).allSatisfy { abs($0 - $1) < 1e-6 })
        #expect(got != centers.scalars)
    }

    @Test func `a group may give a penalty's own parameters another learning rate, or freeze them`() throws {
        func centers(_ groups: [ParameterGroup], epochs: Int = 1) throws -> [Float] {
            let run = try PairedRun.fit(
                PairedRun.trainer([Centers()], optimizer: SGD(learningRate: 0.1), groups: groups), epochs: epochs)
            return run.variables["Centers/centers"]?.scalars ?? []
        }
        let initial = try centers([], epochs: 0)
        #expect(try centers([.frozen(.named("Centers/centers"))]) == initial)
        let (plain, fast) = (try centers([]), try centers([ParameterGroup(.named("Centers/*"), learningRateScale: 10)]))
        #expect(plain != initial && fast != initial && plain != fast)
    }

    @Test func `a trainer with such a group loads a model`() throws {
        try PairedRun.inFolder { folder in
            let url = folder.appending(path: "model.safetensors")
            let trainer = PairedRun.trainer(
                [Centers()], groups: [ParameterGroup(.named("Centers/*"), learningRateScale: 10)])
            let run = try PairedRun.fit(trainer, epochs: 1)
            try run.saveModel(to: url)
            let input = Tensor.ones([1, 10])
            #expect(try trainer.loadModel(from: url).predict(input).scalars == run.predict(input).scalars)
        }
    }

    @Test func `a group that matches nothing is refused, and so are frozen parameters alone`() throws {
        for (group, identifier) in [
            (ParameterGroup.frozen(.named("Cetners/*")), "no-such-parameter"), (.frozen(.all), "all-frozen"),
        ] {
            let error = #expect(throws: CompositionError.self) {
                try PairedRun.fit(PairedRun.trainer([], groups: [group]))
            }
            #expect(error?.diagnostics.map(\.identifier) == [identifier])
        }
    }
}
