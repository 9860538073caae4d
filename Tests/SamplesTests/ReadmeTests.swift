import BallastPlugins
import Foundation
import Testing

/// The code of the README, compiled and run: between `// README` and `// end`, it stands there word for word.
@Suite struct ReadmeTests {
    // README
    /// Adds λ Σ|w| to the loss (Tibshirani, 1996).
    struct L1: LossPenalty {
        var strength: Float
        init(_ strength: Float) { self.strength = strength }

        func lossPenalty(_ parameters: Parameters, in context: StepContext) -> Tensor {
            strength * parameters.weights.sumOfMagnitudes()
        }
    }
    // end

    @Test func `composing`() throws {
        let images = Glyphs.generate(training: 300, test: 100)
        let data = try Dataset(
            inputs: Column(bytes: images.training.pixels, itemShape: [28, 28]),
            targets: Column(integers: images.training.labels))
        let folder = FileManager.default.temporaryDirectory.appending(path: "readme-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        // README
        let model = Sequential {
            Flatten()
            Linear(256); ReLU()
            Linear(128); ReLU()
            Linear(10)
        }
        let trainer = Trainer(model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3), batchSize: 128) {
            Dropout(0.3, at: .after("relu1"), named: "dropout1")
            Dropout(0.5, at: .after("relu2"), named: "dropout2")
            DecoupledDecay(0.1)
            EarlyStopping(patience: 3)
        }
        let (held, train) = data.split(1 / 12)
        print(try trainer.plan(for: train, validation: held))
        let run = try trainer.fit(train, validation: held, epochs: 10, seed: 1)
        print(run.report)
        // end
        #expect(run.history.count > 0)
        // README
        let checkpoints = CheckpointPolicy(in: folder, everyEpochs: 1, everySteps: 500)
        let resumed = try trainer.fit(train, validation: held, epochs: 10, seed: 1, checkpoints: checkpoints)
        try resumed.saveModel(to: folder.appending(path: "model.safetensors"))
        // end
        #expect(resumed.history.map(\.trainLoss) == run.history.map(\.trainLoss))
        #expect(throws: Never.self) { try trainer.loadModel(from: folder.appending(path: "model.safetensors")) }
    }

    @Test func `the README holds this code`() throws {
        let here = URL(filePath: #filePath)
        let root = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let readme = try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
        let source = try String(contentsOf: here, encoding: .utf8)
        for part in source.components(separatedBy: "// README\n").dropFirst() {
            let code = part.components(separatedBy: "// end")[0]
            for line in code.split(separator: "\n") {
                let text = line.trimmingCharacters(in: .whitespaces)
                guard !text.isEmpty else { continue }
                #expect(readme.contains(text), "the README lacks: \(text)")
            }
        }
    }
}
