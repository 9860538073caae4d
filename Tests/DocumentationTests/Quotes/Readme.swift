import BallastPlugins
import Foundation
import Testing

/// The code of the README.
struct Readme {
    // snippet.L1
    /// Adds λ Σ|w| to the loss (Tibshirani, 1996).
    struct L1: LossPenalty {
        var strength: Float
        init(_ strength: Float) { self.strength = strength }

        func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
            strength * parameters.sumOfMagnitudes()
        }
    }
    // snippet.end

    @Test func `composing`() throws {
        let images = Glyphs.generate(training: 300, test: 100)
        let data = try Dataset(
            inputs: Column(bytes: images.training.pixels, itemShape: [28, 28]),
            targets: Column(integers: images.training.labels))
        let folder = FileManager.default.temporaryDirectory.appending(path: "readme-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        // snippet.composing
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
        let (validation, train) = data.split(1 / 12)
        print(try trainer.plan(for: train, validation: validation))
        let run = try trainer.fit(train, validation: validation, epochs: 10, seed: 1)
        print(run.report)
        // snippet.end
        #expect(run.history.count > 0)
        // snippet.checkpoints
        let checkpoints = CheckpointPolicy(in: folder, everyEpochs: 1, everySteps: 500)
        let resumed = try trainer.fit(train, validation: validation, epochs: 10, seed: 1, checkpoints: checkpoints)
        try resumed.saveModel(to: folder.appending(path: "model.safetensors"))
        // snippet.end
        #expect(resumed.history.map(\.trainLoss) == run.history.map(\.trainLoss))
        #expect(throws: Never.self) { try trainer.loadModel(from: folder.appending(path: "model.safetensors")) }
    }
}
