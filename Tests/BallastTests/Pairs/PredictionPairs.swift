import Ballast
import BallastPlugins
import Foundation
import Synchronization
import Testing

/// A trained model that many threads use at once, crossed with what a model can hold.
struct PredictionPairs {
    /// One tower for two uses, with places that ask for their randomness in several ways.
    private struct Twins: Layer {
        func forward(_ x: Tensor, in scope: Scope) -> Tensor {
            let tower = Sequential {
                Linear(12); ReLU(); Linear(6); ReLU()
            }
            return scope(Linear(3), scope(tower, x, named: "tower") - scope(tower, x * 0.5, named: "tower"))
        }
    }

    private static let noise = WrapperProbe(name: "noise", sites: [.after(.activations)]) { call, context, _ in
        let x = call.next()
        guard context.phase.isNoisy else { return x }
        return x + Tensor.normal(x.shape, deviation: 0.1, from: context.random)
            + Tensor.normal(x.shape, deviation: 0.1, from: context.sharedRandom)
    }

    static let compositions: [[any Technique]] = [
        [], [Dropout(0.3)], [BatchNorm(), Dropout(0.3)], [noise], [noise, LayerNorm(), Dropout(0.1), MovingAverage()],
        [Dropout(0.2, at: .around(.kind("linear")))],
    ]

    @Test(arguments: compositions.indices, [false, true])
    func `eight threads get the bits of one`(index: Int, isShared: Bool) throws {
        try PairedRun.inFolder { folder in
            let url = folder.appending(path: "model.safetensors")
            var trainer = PairedRun.trainer(Self.compositions[index])
            if isShared { trainer.model = Twins() }
            let run = try PairedRun.fit(trainer, epochs: 2)
            try run.saveModel(to: url)
            let model = try trainer.loadModel(from: url)
            @Sendable func all(_ predictor: some Predictor) throws -> [[Float]] {
                try (1...4).flatMap { seed in
                    let input = Tensor.normal([3 * seed, 10], from: RandomStream(seed: UInt64(seed), purpose: "x"))
                    return
                        try [predictor.predict(input).scalars]
                        + (0..<3).map { try predictor.predict(input, draw: $0).scalars }
                }
            }
            let expected = try all(run)
            #expect(try all(model) == expected, "the run and the loaded model")
            let wrong = Mutex(0)
            DispatchQueue.concurrentPerform(iterations: 8) { _ in
                for _ in 0..<5 where (try? all(model)) != expected { wrong.withLock { $0 += 1 } }
            }
            #expect(wrong.withLock { $0 } == 0)
            let isNoisy = !Self.compositions[index].isEmpty
            #expect((expected[1] != expected[2]) == isNoisy && (expected[0] != expected[1]) == isNoisy)
        }
    }

    @Test(arguments: compositions.indices) func `predictions between steps leave training alone`(index: Int) throws {
        let data = try Problem.rows()
        let trainer = PairedRun.trainer(Self.compositions[index])
        let expected = try PairedRun.fit(trainer)
        let run = try PairedRun.fit(trainer) { event in
            guard case .stepped(let run) = event else { return }
            let input = data.prefix(3)
            _ = try? (run.predict(input), run.evaluate(input), run.predict(Tensor.ones([1, 10]), draw: run.stepCount))
            _ = try? run.predict(Tensor.ones([1, 10]), samples: 2)
        }
        #expect(differences(run.variables, expected.variables) == [])
        #expect(account(run) == account(expected))
    }
}
