import Ballast
import BallastPlugins
import Testing

/// Models whose passes ask for layers in different orders.
struct PassOrderTests {
    /// Training asks for a layer that evaluation, and so the first pass, does without.
    private struct Auxiliary: Layer {
        let inTraining: @Sendable (Tensor, Scope) -> Tensor
        func forward(_ x: Tensor, in scope: Scope) -> Tensor {
            scope(Linear(10), scope.isTraining ? inTraining(x, scope) : x, named: "head")
        }
    }

    /// Two branches, of which training asks for the second one first.
    private struct Branches: Layer {
        let swaps: Bool
        func forward(_ x: Tensor, in scope: Scope) -> Tensor {
            func branch(_ name: String) -> Tensor {
                scope(
                    Sequential {
                        Linear(6); ReLU(); Linear(3)
                    }, x, named: name)
            }
            guard swaps, scope.isTraining else {
                let first = branch("first")
                return first + branch("second")
            }
            let second = branch("second")
            return branch("first") + second
        }
    }

    private static func train(_ model: some Layer) throws -> Run {
        try Trainer(model, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1), batchSize: 8)
            .fit(Problem.rows(), epochs: 2, seed: 3)
    }

    @Test func `layers with names are found in any order`() throws {
        let (straight, swapped) = (
            try PassOrderTests.train(Branches(swaps: false)), try PassOrderTests.train(Branches(swaps: true))
        )
        #expect(differences(swapped.variables, straight.variables) == [])
        #expect(straight.variables["first.linear1.weight"]?.shape == [10, 6])
    }

    @Test func `a layer without a name does not take the place of another`() async {
        let named = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            // It would share the weight of "head", without a word.
            _ = try PassOrderTests.train(Auxiliary { x, scope in scope(Linear(10), x) })
        }
        let text = String(decoding: named?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("a layer of kind linear was requested where an earlier pass had \"head\""))

        let ofOtherKind = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = try PassOrderTests.train(Auxiliary { x, scope in scope(Tanh(), x) })
        }
        let other = String(decoding: ofOtherKind?.standardErrorContent ?? [], as: UTF8.self)
        #expect(other.contains("a layer of kind tanh was requested where an earlier pass had \"head\""))
    }

    @Test func `a layer with a name may be asked for in training alone`() throws {
        let run = try PassOrderTests.train(Auxiliary { x, scope in scope(Tanh(), x, named: "squash") })
        #expect(run.history.count == 2)
    }
}
