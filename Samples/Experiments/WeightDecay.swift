import BallastPlugins

extension Sample {
    /// Linear regression with more inputs than rows, where only the size of the weights can be controlled.
    static let weightDecay = Sample(
        name: "weight-decay",
        summary: "200 inputs and 20 rows: λ = 3 as L2 and as decoupled decay, compared with L1",
        lookFor: """
            Without a penalty the training loss vanishes while the test loss stays where it began: 20 rows cannot \
            determine 200 weights, and ‖w‖₂ stays near √200. λ = 3 reduces the weights and the test loss by orders of \
            magnitude. Under SGD without momentum, L2 and decoupled decay are equivalent: their rows agree. \
            L1 and proximal L1 shrink every weight by the same amount, large or small: 0.5 is far too little here, \
            but proximal L1 sets some weights to exactly zero, where L1 oscillates around it.
            """,
        epochs: 100, quickEpochs: 100, hasLogarithmicLoss: true,
        effects: [
            Effect("λ = 3 shrinks the weights", .weightNorm, of: "l2", isBelow: "none"),
            Effect("λ = 3 lowers the test loss", .testLoss, of: "l2", isBelow: "none"),
        ]
    ) { _ in
        let model = Linear(1, weight: .normal(), biasInitial: .zeros)
        let test = try rows(100, "test")
        return Experiment(
            source: "y = 0.05 + Σ 0.01 x + N(0, 0.01²) for 200 inputs x from N(0, 1)",
            // No composition decides anything by the test rows, so they also serve as validation data.
            train: try rows(20, "train"), validation: test, test: test,
            trainer: Trainer(
                model, loss: .meanSquaredError(scale: 0.5), optimizer: SGD(learningRate: 0.003), batchSize: 5),
            compositions: [
                ("none", Composition()),
                ("l2", Composition { L2(3) }),
                ("decay", Composition { DecoupledDecay(3) }),
                ("l1", Composition { L1(0.5) }),
                ("proximal-l1", Composition { ProximalL1(0.5) }),
            ])
    }

    /// Rows of the true model; independent of the run's seed.
    private static func rows(_ count: Int, _ purpose: String) throws -> Dataset {
        let inputs = 200
        func normal(_ shape: Shape, _ deviation: Float, _ what: String) -> [Float] {
            let stream = RandomStream(seed: 1, purpose: "weight-decay/\(purpose)/\(what)")
            return Tensor.normal(shape, deviation: deviation, from: stream).scalars
        }
        let x = normal([count, inputs], 1, "inputs")
        let noise = normal([count], 0.01, "noise")
        let y = (0..<count).map { row in
            0.05 + 0.01 * x[row * inputs..<(row + 1) * inputs].reduce(0, +) + noise[row]
        }
        return try Dataset(
            inputs: Column(floats: x, itemShape: [inputs]), targets: Column(floats: y, itemShape: [1]))
    }
}
