// snippet.imports
import BallastPlugins
import Foundation
// snippet.end
import Testing

/// The program of "Getting started".
struct GettingStarted {
    @Test func `the program runs`() throws {
        var print = Printer()

        // snippet.data
        let images = Glyphs.generate(training: 6_000, test: 1_000)
        let data = try Dataset(
            inputs: Column(bytes: images.training.pixels, itemShape: [28, 28]),
            targets: Column(integers: images.training.labels))
        let test = try Dataset(
            inputs: Column(bytes: images.test.pixels, itemShape: [28, 28]),
            targets: Column(integers: images.test.labels))
        let (validation, train) = data.split(1 / 10)
        // snippet.end

        // snippet.overview
        // snippet.model
        let model = Sequential {
            Flatten()
            Linear(128); ReLU()
            Linear(10)
        }
        // snippet.end

        // snippet.trainer
        let trainer = Trainer(
            model, loss: .crossEntropy, optimizer: Adam(learningRate: 3e-3), batchSize: 50
        ) {
            Dropout(0.3, at: .after(.activations))
            DecoupledDecay(0.1)
            EarlyStopping(patience: 3)
        }
        // snippet.end

        // snippet.plan
        print(try trainer.plan(for: train, validation: validation))
        // snippet.end
        // snippet.hide
        try Article("GettingStarted").expect("plan", shows: print.last)
        // snippet.show

        // snippet.run
        let run = try trainer.fit(train, validation: validation, epochs: 10, seed: 1)
        print(run.report)
        print(try run.evaluate(test)["accuracy"] ?? 0)
        // snippet.end
        // snippet.end
        #expect(run.history.count > 3)

        // snippet.predicting
        let folder = FileManager.default.temporaryDirectory
        let file = folder.appending(path: "first-model.safetensors")
        try run.saveModel(to: file)
        let trained = try trainer.loadModel(from: file)
        for batch in test.prefix(5).batches(ofSize: 5) {
            print(try trained.predict(batch.input).argmax())
            print(batch.target)
        }
        // snippet.end
        try FileManager.default.removeItem(at: file)
    }
}
