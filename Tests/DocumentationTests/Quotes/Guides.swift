import BallastPlugins
import Foundation
import Testing

/// The code of the guides in `Plugins`, on little data; the lines that import modules are left out.
struct Guides {
    private func rows(_ count: Int) throws -> Dataset {
        let inputs = RandomStream(seed: 1, purpose: "rows").uniforms(count * 4).map { 2 * $0 - 1 }
        // The other three features have nothing to say.
        return try Dataset(
            inputs: Column(floats: inputs, itemShape: [4]),
            targets: Column(floats: (0..<count).map { 2 * inputs[$0 * 4] }, itemShape: [1]))
    }

    private func images(_ count: Int) throws -> Dataset {
        let images = Glyphs.generate(training: count, test: 0)
        return try Dataset(
            inputs: Column(bytes: images.training.pixels, itemShape: [1, 28, 28]),
            targets: Column(integers: images.training.labels))
    }

    private func tokens(_ count: Int) throws -> Dataset {
        let column = try Column(integers: (0..<count * 8).map { Int32($0 % 7) }, itemShape: [8])
        return try Dataset(inputs: column, targets: column)
    }

    @Test func `the guide of L1`() throws {
        let (train, validation) = (try rows(24), try rows(8))
        var print = Printer()
        // snippet.L1
        let model = Sequential {
            Linear(64); ReLU(); Linear(1)
        }
        let trainer = Trainer(model, loss: .meanSquaredError, optimizer: SGD(learningRate: 0.01)) {
            L1(1e-3)
        }
        let run = try trainer.fit(train, validation: validation, epochs: 20)
        print(run.history.last?.penalties ?? [])
        // snippet.end
        #expect(run.history.count == 20 && print.last.contains("L1"))
    }

    @Test func `the guide of L2`() throws {
        let (train, validation) = (try rows(24), try rows(8))
        var print = Printer()
        // snippet.L2
        let model = Sequential {
            Linear(64); ReLU(); Linear(1)
        }
        let trainer = Trainer(model, loss: .meanSquaredError, optimizer: SGD(learningRate: 0.01)) {
            L2(1e-4)
        }
        let run = try trainer.fit(train, validation: validation, epochs: 20)
        print(run.history.last?.penalties ?? [])
        // snippet.end
        #expect(run.history.count == 20 && print.last.contains("L2"))
    }

    @Test func `the guide of elastic net`() throws {
        let (train, validation) = (try rows(24), try rows(8))
        var print = Printer()
        // snippet.ElasticNet
        let model = Sequential { Linear(1) }
        let trainer = Trainer(model, loss: .meanSquaredError(scale: 0.5), optimizer: SGD(learningRate: 0.05)) {
            ElasticNet(0.1, magnitudeShare: 0.5)
        }
        let run = try trainer.fit(train, validation: validation, epochs: 200)
        print(run.report)
        // snippet.end
        #expect(run.history.count == 200 && print.last.contains("ElasticNet"))
    }

    @Test func `the guide of decoupled decay`() throws {
        let (train, validation) = (try images(12), try images(6))
        var print = Printer()
        // snippet.DecoupledDecay
        let model = Sequential {
            Flatten(); Linear(256); ReLU(); Linear(10)
        }
        let trainer = Trainer(model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3)) {
            DecoupledDecay(0.1)
        }
        let run = try trainer.fit(train, validation: validation, epochs: 20)
        print(run.report)
        // snippet.end
        #expect(run.history.count == 20 && print.last.contains("DecoupledDecay"))
    }

    @Test func `the guide of proximal L1`() throws {
        let train = try rows(24)
        // snippet.ProximalL1
        let model = Sequential { Linear(1) }
        let trainer = Trainer(model, loss: .meanSquaredError(scale: 0.5), optimizer: SGD(learningRate: 0.05)) {
            ProximalL1(0.1)
        }
        let run = try trainer.fit(train, epochs: 500)
        let zeros = run.variables["linear1.weight"]?.scalars.count { $0 == 0 }
        // snippet.end
        #expect(run.history.count == 500 && zeros == 3)
    }

    @Test func `the guide of batch norm`() throws {
        let (train, validation) = (try images(12), try images(6))
        var print = Printer()
        let folder = FileManager.default.temporaryDirectory.appending(path: "guide-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        // snippet.BatchNorm
        let model = Sequential {
            Conv2d(32, kernel: 3, padding: 1); ReLU(); MaxPool2d(2)
            Flatten(); Linear(128); ReLU(); Linear(10)
        }
        let trainer = Trainer(model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3), batchSize: 128) {
            BatchNorm()  // before both ReLUs
        }
        let run = try trainer.fit(train, validation: validation, epochs: 20)
        print(run.variables["BatchNorm/relu1.runningMean"] as Any)
        try run.saveModel(to: folder.appending(path: "model.safetensors"))
        // snippet.end
        #expect(print.last.contains("shape: [32]"))
        #expect(FileManager.default.fileExists(atPath: folder.appending(path: "model.safetensors").path))
    }

    @Test func `the guide of data augmentation`() throws {
        let (train, validation) = (try images(12), try images(6))
        // snippet.DataAugmentation
        let model = Sequential {
            Flatten(); Linear(128); ReLU(); Linear(10)
        }
        let trainer = Trainer(model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3), batchSize: 128) {
            DataAugmentation(
                .horizontalFlip(), .rotation(degrees: 10), .crop(padding: 2), .brightness(0.2),
                fill: -1, range: -1...1, border: .interpolated)  // pixels scaled to -1...1
        }
        let run = try trainer.fit(train, validation: validation, epochs: 20)
        // snippet.end
        #expect(run.history.count == 20)
    }

    @Test func `the guide of dropout`() throws {
        let (train, validation) = (try images(12), try images(6))
        var print = Printer()
        // snippet.Dropout
        let model = Sequential {
            Flatten(); Linear(256); ReLU(); Linear(128); ReLU(); Linear(10)
        }
        let trainer = Trainer(model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3)) {
            Dropout(0.3, at: .after("relu1"), named: "dropout1")
            Dropout(0.5, at: .after("relu2"), named: "dropout2")
        }
        let run = try trainer.fit(train, validation: validation, epochs: 20)
        print(run.report)
        // snippet.end
        let inputs = Tensor.zeros([2, 1, 28, 28])
        // snippet.uncertainty
        let prediction = try run.predict(inputs, samples: 100)
        print(prediction.mean, prediction.variance)  // of a classifier: of its probabilities, and predictiveEntropy
        // snippet.end
        #expect(print.last.contains("shape: [2, 10]"))
    }

    @Test func `the guide of early stopping`() throws {
        let (train, validation) = (try rows(24), try rows(8))
        var print = Printer()
        // snippet.EarlyStopping
        let model = Sequential {
            Linear(100); ReLU(); Linear(1)
        }
        let trainer = Trainer(model, loss: .meanSquaredError, optimizer: Adam(learningRate: 0.01)) {
            EarlyStopping(patience: 5)
        }
        let run = try trainer.fit(train, validation: validation, epochs: 1_000)
        print(run.end?.description ?? "")
        // snippet.end
        #expect(!print.last.isEmpty)
    }

    @Test func `the guide of group norm`() throws {
        let (train, validation) = (try images(12), try images(6))
        // snippet.GroupNorm
        let model = Sequential {
            Conv2d(32, kernel: 3, padding: 1); ReLU(); MaxPool2d(2)
            Conv2d(64, kernel: 3, padding: 1); ReLU(); GlobalAveragePool2d()
            Linear(10)
        }
        let trainer = Trainer(model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3), batchSize: 4) {
            GroupNorm(groups: 8)  // before both ReLUs
        }
        let run = try trainer.fit(train, validation: validation, epochs: 20)
        // snippet.end
        #expect(run.history.count == 20)
    }

    @Test func `the guide of instance norm`() throws {
        let (train, validation) = (try images(12), try images(6))
        // snippet.InstanceNorm
        let model = Sequential {
            Conv2d(32, kernel: 3, padding: 1); ReLU(); MaxPool2d(2)
            Conv2d(64, kernel: 3, padding: 1); ReLU(); GlobalAveragePool2d()
            Linear(10)
        }
        let trainer = Trainer(model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3)) {
            InstanceNorm(at: .after(.kind("conv")), affine: true)
        }
        let run = try trainer.fit(train, validation: validation, epochs: 20)
        // snippet.end
        #expect(run.history.count == 20)
    }

    @Test func `the guide of layer norm`() throws {
        let (train, validation) = (try tokens(6), try tokens(4))
        // snippet.LayerNorm
        let model = Sequential {
            Embedding(256, width: 64)
            Residual { MultiHeadAttention(heads: 4, causal: true) }
            Residual {
                Linear(256); GELU(); Linear(64)
            }
            Linear(256)
        }
        let trainer = Trainer(model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3)) {
            LayerNorm(at: .before(.kind("attention")), .before("residual2.branch.linear1"))
        }
        let run = try trainer.fit(train, validation: validation, epochs: 20)
        // snippet.end
        #expect(run.history.count == 20)
    }

    @Test func `the guide of reduce on plateau`() throws {
        let (train, validation) = (try images(12), try images(6))
        // snippet.ReduceOnPlateau
        let model = Sequential {
            Flatten(); Linear(64); ReLU(); Linear(10)
        }
        let trainer = Trainer(model, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1, momentum: 0.9)) {
            ReduceOnPlateau(by: 0.1, patience: 5)
        }
        let run = try trainer.fit(train, validation: validation, epochs: 20)
        // snippet.end
        #expect(run.history.count == 20)
    }

    @Test func `the guide of RMS norm`() throws {
        let (train, validation) = (try tokens(6), try tokens(4))
        // snippet.RMSNorm
        let model = Sequential {
            Embedding(256, width: 64)
            Residual { MultiHeadAttention(heads: 4, causal: true) }
            Residual {
                Linear(256); SiLU(); Linear(64)
            }
            Linear(256)
        }
        let trainer = Trainer(model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3)) {
            RMSNorm(at: .before(.kind("attention")), .before("residual2.branch.linear1"))
        }
        let run = try trainer.fit(train, validation: validation, epochs: 20)
        // snippet.end
        #expect(run.history.count == 20)
    }
}
