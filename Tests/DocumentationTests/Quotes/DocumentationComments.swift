import BallastPlugins
import BallastTesting
import Foundation
import Testing

// snippet.trait
extension TechniqueTrait {
    static let perturbsWeights = TechniqueTrait(rawValue: "perturbsWeights")
}
// snippet.end

// snippet.layer
struct Scale: Layer {
    func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        x * scope.parameter("factor", [x.shape[1]], initial: .ones)
    }
}
// snippet.end

// snippet.optimizer
struct SignDescent: Optimizer {
    var learningRate: Float = 1e-3
    func update(_ gradient: Tensor, of parameter: Tensor, slots: inout [Tensor], at step: OptimizerStep) -> Tensor {
        gradient.sign() * -step.learningRate
    }
}
// snippet.end

enum Elementwise {
    // snippet.elementwise
    struct SignDescent: ElementwiseOptimizer {
        var learningRate: Float = 1e-3
        func update(_ block: OptimizerBlock, at step: OptimizerStep) {
            for i in 0..<block.count { block.values[i] = block.values[i] < 0 ? step.learningRate : -step.learningRate }
        }
    }
    // snippet.end
}

/// The code in documentation comments.
struct DocumentationComments {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "comments-\(UUID().uuidString)")

    private func images(_ count: Int, seed: UInt64 = 1) throws -> Dataset {
        let images = Glyphs.generate(training: count, test: 0, seed: seed)
        return try Dataset(
            inputs: Column(bytes: images.training.pixels, itemShape: [28, 28]),
            targets: Column(integers: images.training.labels))
    }

    @Test func `a model and a trainer`() throws {
        // snippet.model
        let model = Sequential {
            Flatten()
            Linear(256); ReLU()
            Linear(10)
        }
        // snippet.end
        let (train, validation) = (try images(100), try images(100, seed: 2))
        // snippet.trainer
        let trainer = Trainer(model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3), batchSize: 128) {
            L2(1e-4)
            Dropout(0.3, at: .after("relu1"))
            EarlyStopping(patience: 5)
        }
        let run = try trainer.fit(train, validation: validation, epochs: 50, seed: 1)
        // snippet.end
        #expect(run.history.count > 5)
    }

    @Test func `a composition`() {
        // snippet.composition
        let composition = Composition {
            L2(1e-4)
            Dropout(0.3, at: .after(.activations))
            EarlyStopping(patience: 5)
        }
        // snippet.end
        let augmentation = Composition {
            // snippet.augmentation
            DataAugmentation(.horizontalFlip(), .rotation(degrees: 10), .crop(padding: 2), .brightness(0.2))
            // snippet.end
        }
        #expect((composition + augmentation).techniques.count == 4)
    }

    @Test func `a custom layer and two custom optimizers`() throws {
        let data = try Dataset(inputs: [[1, 2], [3, 4]], targets: [[3, 1], [9, 2]])
        for optimizer in [SignDescent(), Elementwise.SignDescent()] as [any Optimizer] {
            let run = try Trainer(Scale(), loss: .meanSquaredError, optimizer: optimizer).fit(data, epochs: 10)
            #expect(run.variables["factor"]?.isClose(to: Tensor([1.01, 0.99])) == true)
        }
    }

    @Test func `a frozen encoder`() {
        let model = Sequential {
            Linear(4).named("encoder")
            Linear(1)
        }
        func frozen() -> Trainer {
            // snippet.frozen
            Trainer(model, loss: .crossEntropy, optimizer: Adam(), groups: [.frozen(.named("encoder.*"))])
            // snippet.end
        }
        #expect(frozen().groups == [.frozen(.named("encoder.*"))])
    }

    @Test func `a padding mask`() throws {
        func masked() -> PaddingMask {
            // snippet.padding
            PaddingMask(token: 0) {
                Embedding(1000, width: 32)
                Residual { MultiHeadAttention(heads: 4) }
            }
            // snippet.end
        }
        let plan = try Trainer(masked(), loss: .crossEntropy, optimizer: Adam()).plan(
            inputShape: [5], inputType: .int32)
        #expect(plan.parameterCount > 32_000)
    }

    @Test func `a comparison and its page`() throws {
        let (train, validation, test) = (try images(60), try images(60, seed: 2), try images(60, seed: 3))
        let model = Sequential {
            Flatten(); Linear(4); ReLU(); Linear(10)
        }
        let trainer = Trainer(model, loss: .crossEntropy, optimizer: Adam())
        // snippet.comparison
        let comparison = Comparison(
            trainer,
            [
                ("none", Composition()),
                ("dropout", Composition { Dropout(0.5) }),
            ])
        let results = try comparison.run(
            train: train, validation: validation, test: test, epochs: 10, seeds: [1, 2, 3])
        print(ComparisonTable(results))
        // snippet.end
        defer { try? FileManager.default.removeItem(at: folder) }
        // snippet.page
        var report = HTMLReport("Dropout or not")
        report.sections.append(HTMLReport.Section("fashion-mnist", results: results))
        try report.write(to: folder.appending(path: "dropout.html"))
        // snippet.end
        #expect(report.html.contains("fashion-mnist"))
    }

    @Test func `a chart`() {
        // snippet.chart
        let chart = Chart(
            "Loss", x: Chart.Axis("epoch"), y: Chart.Axis("loss", isLogarithmic: true),
            [
                Chart.Series("none", x: [1, 2, 3], y: [0.5, 0.2, 0.1])
            ])
        // snippet.end
        #expect("\(chart)".contains("none"))
    }

    @Test func `a table`() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let url = folder.appending(path: "flowers.csv")
        try "sepal,petal,species\n1,2,setosa\n3,4,setosa\n5,6,virginica\n".write(
            to: url, atomically: true, encoding: .utf8)
        var print = Printer()
        // snippet.table
        let table = try CSVFile(contentsOf: url, label: .named("species"))
        print(table.columns)  // ["sepal", "petal"]
        print(table.classes)  // ["setosa", "virginica"]
        print(table.labels ?? [])  // [0, 0, 1]
        // snippet.end
        #expect(print.lines == [#"["sepal", "petal"]"#, #"["setosa", "virginica"]"#, "[0, 0, 1]"])
    }

    struct InAnotherProcess {
        // snippet.lawsInAnotherProcess
        @Test func `keeps the laws`() async {
            await #expect(processExitsWith: .success) {
                #expect(Laws.check(WeightNoise(0.01)).isEmpty)
            }
        }
        // snippet.end
    }

    @Test func `a harness`() throws {
        var printed: Tensor?
        func print(_ value: Tensor?) { printed = value }
        // snippet.harness
        let harness = try TechniqueHarness(
            Linear(1), input: Tensor([[1, 2]]), target: Tensor([[3]]), loss: .meanSquaredError,
            parameters: ["weight": Tensor([[0.5], [0.25]]), "bias": Tensor([0])])
        let trace = try harness.train(L2(0.1))
        print(trace.calls[0].returned["penalty"])  // 0.015625 = 0.1 / 2 · (0.5² + 0.25²)
        // snippet.end
        #expect(printed.map { abs($0.item - 0.015625) < 1e-7 } == true)
    }

    // snippet.laws
    @Test func `keeps the laws`() {
        let violations = Laws.check(WeightNoise(0.01), neutral: WeightNoise(0))
        #expect(violations.isEmpty)
    }
    // snippet.end

    @Test func `tensors`() {
        // snippet.custom
        func cube(_ x: Tensor) -> Tensor {
            let values = x.detached
            return .custom("cube", inputs: [x], output: values * values * values) { gradient in
                [gradient * 3 * values * values]
            }
        }
        // snippet.end
        #expect(gradient(at: Tensor(Float(2)), of: cube).item == 12)
        var print = Printer()
        // snippet.print
        print(Tensor([1, 2, 3, 4], shape: [2, 2]))  // Tensor([[1, 2], [3, 4]], shape: [2, 2])
        // snippet.end
        #expect(print.last == "Tensor([[1, 2], [3, 4]], shape: [2, 2])")
        let probability: Float = 0.5
        // snippet.require
        require((0..<1).contains(probability), "Dropout: the probability must be in 0..<1 but is \(probability)")
        // snippet.end
    }

    @Test func `a thread has its own pool`() async {
        let count: Int = await withCheckedContinuation { continuation in
            @Sendable func trainOneModel() { continuation.resume(returning: Kernels.threadCount) }
            // snippet.threads
            Thread.detachNewThread {
                Kernels.withThreads(4) { trainOneModel() }
            }
            // snippet.end
        }
        #expect(count == 4)
    }

    @Test func `images are changed in parallel`() {
        let images = 40
        var output = Tensor.zeros([images, 3])
        @Sendable func change(_ pixels: UnsafeMutableBufferPointer<Float>, _ image: Int) {
            for index in image * 3..<(image + 1) * 3 { pixels[index] = Float(image) }
        }
        // snippet.parallel
        output.withUnsafeMutableFloats { pixels in
            nonisolated(unsafe) let pixels = pixels  // each call writes its own images
            parallelFor(count: images, grain: 16) { range in
                for image in range { change(pixels, image) }
            }
        }
        // snippet.end
        #expect(output.sum().item == Float(3 * 39 * 40 / 2))
    }
}
