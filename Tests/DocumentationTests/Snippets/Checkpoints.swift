import BallastPlugins
import Foundation
import Testing

/// The code of "Checkpoints".
struct Checkpoints {
    @Test func `a run is saved and resumed`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "checkpoints-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let second = folder.appending(path: "second")
        let article = Article("Checkpoints")
        let images = Glyphs.generate(training: 600, test: 200)
        let data = try Dataset(
            inputs: Column(bytes: images.training.pixels, itemShape: [28, 28]),
            targets: Column(integers: images.training.labels))
        let (validation, train) = data.split(1 / 6)
        let model = Sequential {
            Flatten()
            Linear(32); ReLU()
            Linear(10)
        }
        func trainer(_ composition: Composition) -> Trainer {
            Trainer(
                model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3), batchSize: 50,
                composition: composition
            )
        }
        let composition = Composition {
            BatchNorm(at: .before(.activations))
            Dropout(0.3)
            EarlyStopping(patience: 3)
        }
        let trainer1 = trainer(composition)
        var print = Printer()
        do {
            let trainer = trainer1
            // snippet.policy
            let policy = CheckpointPolicy(in: folder, everyEpochs: 1, everySteps: 500)
            let run = try trainer.fit(
                train, validation: validation, epochs: 4, seed: 1, checkpoints: policy)
            // snippet.end
            #expect(run.history.count == 4)
            // snippet.more
            let longer = try trainer.fit(
                train, validation: validation, epochs: 8, seed: 1, checkpoints: policy
            ) { event in
                if case .started(let run, let file?) = event {
                    print("\(file): \(run.history.count) epochs done")
                }
            }
            // snippet.end
            #expect(longer.history.count > 4)
            #expect(print.last.contains("run.safetensors: 4 epochs done"))
            // snippet.tensors
            let tensors = try TensorFile.read(policy.file)
            for path in tensors.keys.sorted() where !path.hasPrefix("EarlyStopping/") {
                print(path, tensors[path]?.shape ?? [])
            }
            // snippet.end
            try article.expect(
                "tensors", shows: print.lines.filter { $0.contains(" [") }.joined(separator: "\n"))

            // snippet.cancelling
            let cancellation = Cancellation()
            let stopped = try trainer.fit(
                train, validation: validation, epochs: 100, seed: 2,
                checkpoints: CheckpointPolicy(in: second),
                cancellation: cancellation
            ) { event in
                if case .epochEnded(let run, _) = event, run.history.count == 2 {
                    cancellation.cancel()
                }
            }
            print(stopped.end?.description ?? "not ended")
            // snippet.end
            #expect(print.last == "cancelled" && stopped.history.count == 2)

            // snippet.model
            let file = folder.appending(path: "model.safetensors")
            try run.saveModel(to: file)
            let trained = try trainer.loadModel(from: file)
            // snippet.end
            #expect(trained.variables["linear1.weight"]?.shape == [784, 32])
        }
        do {
            let trainer = trainer(composition.without("BatchNorm"))
            // snippet.other
            do {
                let policy = CheckpointPolicy(in: folder)
                _ = try trainer.fit(
                    train, validation: validation, epochs: 8, seed: 1, checkpoints: policy)
            } catch {
                print(error)
            }
            // snippet.end
            let message = print.last.replacing(folder.path, with: "runs/first")
            try article.expect("other", shows: message)
        }
    }

    @Test func `a custom loop`() throws {
        let points = (0..<40).map { Float($0) / 40 }
        let train = try Dataset(inputs: points.map { [$0] }, targets: points.map { [2 * $0] })
        let trainer = Trainer(
            Linear(1), loss: .meanSquaredError, optimizer: SGD(learningRate: 0.1), batchSize: 4)
        // snippet.loop
        let run = try trainer.start(train, epochs: 5, seed: 1)
        while try run.step() {
            guard run.stepCount % run.stepsPerEpoch == 0, let record = run.history.last else {
                continue
            }
            print("epoch \(run.epoch): loss \(Float(record.trainLoss)), \(run.stepCount) steps")
        }
        print(run.end?.description ?? "not ended")
        // snippet.end
        #expect(run.stepCount == 50)
    }
}
