import Ballast
import Foundation
import Testing

/// Tokens that an embedding does not have are refused where data meets the model.
struct TokenErrorTests {
    private let trainer = Trainer(
        Sequential {
            Embedding(5, width: 2); Embedded()
            Linear(2)
        }, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1), batchSize: 2)

    private struct Embedded: Layer {
        func forward(_ x: Tensor, in scope: Scope) -> Tensor { x.flattened(from: 1) }
    }

    private func data(_ tokens: [Int32]) throws -> Dataset {
        try Dataset(
            inputs: Column(integers: tokens, itemShape: [3]),
            targets: Column(integers: (0..<Int32(tokens.count / 3)).map { $0 % 2 }))
    }

    private static let good: [Int32] = [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]

    @Test(arguments: [(0, Int32(5)), (4, 17), (11, 5), (7, -1)])
    func `training and validation data name sample, position, token and vocabulary`(index: Int, token: Int32) throws {
        var tokens = Self.good
        tokens[index] = token
        let (good, bad) = (try data(Self.good), try data(tokens))
        for (name, text) in [
            ("training", message(of: DataError.self) { _ = try trainer.start(bad, epochs: 1) }),
            ("validation", message(of: DataError.self) { _ = try trainer.start(good, validation: bad, epochs: 1) }),
            (
                "evaluated",
                message(of: DataError.self) { _ = try trainer.fit(good, epochs: 1).evaluate(bad) }
            ),
        ] {
            expect(
                text,
                holds:
                    "token \(token) at position \(index % 3) of sample \(index / 3) of the \(name) data is out of range",
                "the embedding \"embedding1\" has a vocabulary of 5, the tokens 0..<5")
        }
        // What is left out of the data does not matter.
        _ = try trainer.start(bad.subset((0..<4).filter { $0 != index / 3 }), epochs: 1)
    }

    @Test func `a prediction names the row, by a run and by a loaded model`() throws {
        let run = try trainer.fit(data(Self.good), epochs: 1)
        let input = Tensor(integers: [0, 1, 2, 3, 9, 4], shape: [2, 3])
        let file = FileManager.default.temporaryDirectory.appending(path: "tokens-\(UUID().uuidString).safetensors")
        defer { try? FileManager.default.removeItem(at: file) }
        try run.saveModel(to: file)
        let model = try trainer.loadModel(from: file)
        for predictor in [run, model] as [any Predictor] {
            expect(
                message(of: DataError.self) { _ = try predictor.predict(input) },
                holds: "token 9 at position 1 of row 1 of the input is out of range", "a vocabulary of 5")
            #expect(try predictor.predict(Tensor(integers: [4, 0, 4], shape: [1, 3])).shape == [1, 2])
        }
    }

    @Test func `integers that no embedding takes as they are have no limit`() throws {
        /// Takes each column for itself, from a table of its own.
        struct Columns: Layer {
            func forward(_ x: Tensor, in scope: Scope) -> Tensor {
                scope(Embedding(5, width: 2), x.slice(axis: 1, 0..<1)).flattened(from: 1)
                    + scope(Embedding(50, width: 2), x.slice(axis: 1, 1..<2)).flattened(from: 1)
            }
        }
        let data = try Dataset(
            inputs: Column(integers: [4, 49, 0, 20], itemShape: [2]), targets: Column(integers: [0, 1]))
        let run = try Trainer(Columns(), loss: .crossEntropy, optimizer: SGD(learningRate: 0.1)).fit(data, epochs: 1)
        #expect(run.stepCount == 1)
    }
}
