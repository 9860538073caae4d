import BallastPlugins

extension Sample {
    /// A network with far more parameters than points, on a line with noise.
    static let noisyLine = Sample(
        name: "noisy-line",
        summary: "20 noisy points on a line and 301 parameters: L2, dropout, norms and early stopping",
        lookFor: """
            The gap between train and test loss. Without regularization the network learns the noise of its 20 points. \
            Dropout narrows the gap; so does L2 as λ grows, until at 0.1 it also suppresses the line. Early stopping \
            ends after a dozen epochs, before the noise is learned, and has the lowest test loss. The lowest possible \
            test loss is that of the noise, which the line about the data states.
            """,
        epochs: 1_000, quickEpochs: 1_000,
        effects: [Effect("dropout narrows the gap", .gap, of: "dropout-0.5", isBelow: "none")]
    ) { _ in
        let model = Sequential {
            Linear(100, weight: .normal(deviation: 0.1), biasInitial: .zeros); ReLU()
            Linear(1, weight: .normal(deviation: 0.1), biasInitial: .zeros)
        }
        func dropout(_ probability: Float) -> Composition {
            Composition { Dropout(probability, at: .before(.activations)) }
        }
        let early = Composition { EarlyStopping(patience: 5) }
        let test = try points(20, "test")
        return Experiment(
            source: """
                y = x + N(0, 0.4²) for x in -1...1, where the true line has a test loss of \
                \((test.noise * 100).rounded() / 100)
                """,
            train: try points(20, "train").data, validation: try points(10, "validation").data, test: test.data,
            trainer: Trainer(
                model, loss: .meanSquaredError, optimizer: Adam(learningRate: 0.01), batchSize: 10,
                silencing: ["adaptive-l2"]),
            compositions: [
                ("none", Composition()),
                ("l2-0.001", Composition { L2(1e-3) }),
                ("l2-0.01", Composition { L2(1e-2) }),
                ("l2-0.1", Composition { L2(1e-1) }),
                ("dropout-0.1", dropout(0.1)),
                ("dropout-0.3", dropout(0.3)),
                ("dropout-0.5", dropout(0.5)),
                ("batch-norm", Composition { BatchNorm(at: .before(.activations)) }),
                ("batch-norm-input", Composition { BatchNorm(at: .input, .before(.activations)) }),
                ("layer-norm", Composition { LayerNorm(at: .before(.activations)) }),
                ("rms-norm", Composition { RMSNorm(at: .before(.activations)) }),
                ("early-stopping", early),
                ("dropout-0.3+early-stopping", dropout(0.3) + early),
            ],
            pictures: { [.figure(try fitted($0))] })
    }

    /// The curve that each composition has fitted.
    private static func fitted(_ results: [ComparedRun]) throws -> Chart {
        let x = (0...100).map { -1.2 + 2.4 * Float($0) / 100 }
        let curves = try results.filter { $0.seed == results[0].seed }.enumerated().map { color, result in
            Chart.Series(
                result.composition, x: x.map(Double.init),
                y: try result.run.predict(Tensor(x, shape: [x.count, 1])).scalars.map(Double.init), color: color)
        }
        let data = Array(try points(20, "train").data.batches(ofSize: 20))
        let dots = Chart.Series(
            "training data", .points, x: data.flatMap { $0.input.scalars.map(Double.init) },
            y: data.flatMap { $0.target.scalars.map(Double.init) })
        return Chart("Fitted curves", x: .init("x"), y: .init("y", range: -2.2...2.2), curves + [dots])
    }

    /// Evenly spaced points and the mean square of their noise; independent of the run's seed.
    private static func points(_ count: Int, _ purpose: String) throws -> (data: Dataset, noise: Float) {
        let stream = RandomStream(seed: 1, purpose: "noisy-line/" + purpose)
        let noise = Tensor.normal([count], deviation: 0.4, from: stream)
        let x = (0..<count).map { -1 + 2 * Float($0) / Float(count - 1) }
        let data = try Dataset(inputs: x.map { [$0] }, targets: zip(x, noise.scalars).map { [$0 + $1] })
        return (data, noise.sumOfSquares().item / Float(count))
    }
}
