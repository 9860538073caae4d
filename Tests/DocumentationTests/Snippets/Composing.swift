import BallastPlugins
import Testing

/// The code of "Composing".
struct Composing {
    private let model = Sequential {
        Flatten()
        Linear(64); ReLU()
        Linear(32); ReLU()
        Linear(10)
    }
    private let inputShape: Shape = [28, 28]
    private let article = Article("Composing")

    @Test func `a composition is a value`() throws {
        let isSmall = true
        // snippet.value
        let noise = Composition {
            Dropout(0.3, at: .after("relu1"), named: "dropout1")
            Dropout(0.5, at: .after("relu2"), named: "dropout2")
        }
        let everything = Composition {
            noise
            if isSmall { EarlyStopping(patience: 5) }
            DecoupledDecay(0.1)
        }
        let gentle = everything.without("dropout2")
        let more = gentle + Composition { L1(1e-5, on: .named("linear1")) }
        // snippet.end
        #expect(more.techniques.map(\.name) == ["dropout1", "EarlyStopping", "DecoupledDecay", "L1"])
    }

    @Test func `order at a site`() throws {
        var print = Printer()
        // snippet.order
        let trainer = Trainer(model, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1)) {
            LayerNorm(at: .before("relu1"))
            Dropout(0.2, at: .before("relu1"), named: "first")
            Dropout(0.5, at: .after("relu1"), named: "second")
        }
        print(try trainer.plan(inputShape: inputShape))
        // snippet.end
        try article.expect("order", shows: print.last)
    }

    @Test func `mistakes are found before the first step`() throws {
        var print = Printer()
        // snippet.mistakes
        let trainer = Trainer(model, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1)) {
            Dropout(0.3, at: .after("relu1"))
            Dropout(0.5, at: .after("relu3"))
            L2(1e-4, on: .named("encoder.*"))
            EarlyStopping(patience: 5)
        }
        do {
            _ = try trainer.plan(inputShape: inputShape, hasValidation: false)
        } catch {
            print(error)
        }
        // snippet.end
        try article.expect("mistakes", shows: print.last)
    }

    @Test func `what is unwise is a warning`() throws {
        var print = Printer()
        // snippet.warning
        let trainer = Trainer(model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3)) {
            L2(1e-4)
        }
        for warning in try trainer.plan(inputShape: inputShape).warnings { print(warning) }
        // snippet.end
        try article.expect("warning", shows: print.last)
        // snippet.silence
        let silenced = Trainer(
            model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3), silencing: ["adaptive-l2"]
        ) {
            L2(1e-4)
        }
        // snippet.end
        #expect(try silenced.plan(inputShape: inputShape).warnings.isEmpty)
    }

    @Test func `compositions are compared`() throws {
        let images = Glyphs.generate(training: 600, test: 200)
        let data = try Dataset(
            inputs: Column(bytes: images.training.pixels, itemShape: [28, 28]),
            targets: Column(integers: images.training.labels))
        let (validation, train) = data.split(1 / 6)
        var print = Printer()
        let trainer = Trainer(
            model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3), batchSize: 50)
        // snippet.comparing
        let comparison = Comparison(
            trainer,
            [
                ("none", Composition()),
                ("dropout", Composition { Dropout(0.3) }),
                ("decay", Composition { DecoupledDecay(0.1) }),
            ])
        let results = try comparison.run(
            train: train, validation: validation, epochs: 3, seeds: [1, 2])
        print(ComparisonTable(results))
        // snippet.end
        #expect(print.last.contains("decay"))
    }
}
