import BallastPlugins

extension Sample {
    /// Modular addition, which a transformer memorizes long before it generalizes (Power et al., 2022).
    static let transformer = Sample(
        name: "transformer",
        summary: "a + b mod p from part of the table: with decay, a transformer generalizes after it has memorized",
        lookFor: """
            The two curves of each composition: the accuracy on the part of the table that it trains on, and on the \
            rest. All compositions memorize the training part within a few dozen epochs. On the rest, their accuracy \
            stays for long at what symmetry gives, b + a for a + b, which is at most 60 %. With decay, and most seeds, it \
            rises above that some hundred epochs later; without, not yet at the same step. With norms it rises earlier, \
            in jumps: decay shrinks the weights before a norm, so each step turns them further, until a step destroys \
            what was learned and training recovers.
            """,
        epochs: 600, quickEpochs: 600, hasLogarithmicLoss: true,
        effects: [
            Effect(
                "decay raises the test accuracy at the same step", .testAccuracy, of: "decay",
                isAbove: "none"),
            Effect("without decay it has memorized", .trainAccuracy, isAbove: .testAccuracy, of: "none"),
        ]
    ) { _ in
        let p = 31
        let (rest, train) = try table(p).split(0.4, seed: 1)
        let (validation, test) = rest.split(0.5, seed: 2)
        let width = 64
        let decay = Composition { DecoupledDecay(1) }
        let sites = [Site.before(.kind("attention")), .before("residual2.branch.linear1"), .before("linear1")]
        return Experiment(
            source: "all \(p * p) sums a + b mod \(p), as tokens a, b and =; 60 % of them to train on",
            train: train, validation: validation, test: test,
            trainer: Trainer(
                Sequential {
                    Embedding(p + 1, width: width, weight: .normal(deviation: 0.1)); PositionalEmbedding(length: 3)
                    Residual { MultiHeadAttention(heads: 4, causal: true) }
                    Residual {
                        Linear(4 * width); ReLU(); Linear(width)
                    }
                    LastPosition()
                    Linear(p)
                }, loss: .crossEntropy, optimizer: Adam(learningRate: 2e-3, beta2: 0.98), evaluatesTraining: true,
                batchSize: 128),
            compositions: [
                ("none", Composition()),
                ("decay", decay),
                ("decay+dropout", decay + Composition { Dropout(0.1, at: .after(.kind("attention"))) }),
                ("decay+rms-norm", decay + Composition { RMSNorm(at: sites[0], sites[1], sites[2]) }),
                ("decay+layer-norm", decay + Composition { LayerNorm(at: sites[0], sites[1], sites[2]) }),
            ],
            pictures: { results in
                results.filter { $0.seed == results[0].seed }.map { .figure(curves(of: $0)) }
            })
    }

    /// The training and the validation accuracy of a run by epoch.
    private static func curves(of result: ComparedRun) -> Chart {
        let history = result.run.history
        let epochs = history.map { Double($0.epoch + 1) }
        return Chart(
            "\(result.composition): memorizing and generalizing", x: .init("epoch", isLogarithmic: true),
            y: .init("accuracy", range: 0...1.02),
            [
                Chart.Series(
                    "training", x: epochs, y: history.map { $0.trainEvaluation?["accuracy"] ?? .nan }, color: 1),
                Chart.Series("validation", x: epochs, y: history.map { $0.value("accuracy") ?? .nan }, color: 2),
            ], note: "With seed \(result.seed).")
    }

    private static func table(_ p: Int) throws -> Dataset {
        let pairs = (0..<p * p).map { ($0 / p, $0 % p) }
        return try Dataset(
            inputs: Column(integers: pairs.flatMap { [Int32($0), Int32($1), Int32(p)] }, itemShape: [3]),
            targets: Column(integers: pairs.map { Int32(($0 + $1) % p) }))
    }
}

/// Selects the last position: `[batch, positions, width]` becomes `[batch, width]`.
private struct LastPosition: Layer {
    func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        let last = x.shape[1] - 1
        return x.slice(axis: 1, last..<last + 1).squeezed(1)
    }
}
