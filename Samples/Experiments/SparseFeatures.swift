import BallastPlugins

extension Sample {
    /// Linear regression in which one feature of fifty matters.
    static let sparseFeatures = Sample(
        name: "sparse-features",
        summary: "200 rows and 1,000 features of which 20 matter: which penalty finds them",
        lookFor: """
            Zeros, test loss and support. Only proximal L1 sets weights to exactly zero: it keeps a few dozen, including \
            all or nearly all that matter. L1 as a penalty brings the others near zero but not to it. L2 at this \
            strength shrinks all weights alike and finds fewer of the 20. As λ grows along the path, the features that \
            do not matter become zero first.
            """,
        epochs: 500, quickEpochs: 250, hasLogarithmicLoss: true,
        effects: [
            Effect("proximal L1 recovers the support better than L2", recovered, of: "proximal-l1", isAbove: "l2"),
            Effect("proximal L1 has a lower test loss than L2", .testLoss, of: "proximal-l1", isBelow: "l2"),
        ]
    ) { _ in
        let test = try rows(200, "test")
        let trainer = Trainer(
            Linear(1), loss: .meanSquaredError(scale: 0.5), optimizer: SGD(learningRate: 0.05), batchSize: 200)
        let train = try rows(200, "train")
        return Experiment(
            source: "y = Σ w x + N(0, 0.5²), w = ±1 for 20 of 1,000 features x from N(0, 1), 0 for the others",
            train: train, validation: try rows(100, "validation"), test: test, trainer: trainer,
            compositions: [
                ("none", Composition()),
                ("l2", Composition { L2(0.1) }),
                ("l1", Composition { L1(0.1) }),
                ("elastic-net", Composition { ElasticNet(0.15, magnitudeShare: 0.7) }),
                ("proximal-l1", Composition { ProximalL1(0.1) }),
            ],
            pictures: { results in
                [.table(support(of: results)), .figure(try path(trainer, train, epochs: results[0].run.epochs))]
            })
    }

    /// The features that matter: every fiftieth.
    private static func isTrue(_ feature: Int) -> Bool { feature % 50 == 7 }

    /// Rows of the true model; independent of the run's seed.
    private static func rows(_ count: Int, _ purpose: String) throws -> Dataset {
        let features = 1_000
        func normal(_ shape: Shape, _ deviation: Float, _ what: String) -> [Float] {
            let stream = RandomStream(seed: 1, purpose: "sparse-features/\(purpose)/\(what)")
            return Tensor.normal(shape, deviation: deviation, from: stream).scalars
        }
        let x = normal([count, features], 1, "inputs")
        let noise = normal([count], 0.5, "noise")
        let y = (0..<count).map { row in
            (0..<features).filter(isTrue).reduce(noise[row]) { sum, feature in
                sum + (feature % 100 == 7 ? 1 : -1) * x[row * features + feature]
            }
        }
        return try Dataset(
            inputs: Column(floats: x, itemShape: [features]), targets: Column(floats: y, itemShape: [1]))
    }

    private static let recovered = Effect.Measure(name: "true among the 20 largest weights") {
        Double(trueAmongLargest($0))
    }

    private static func weights(_ result: ComparedRun) -> [Float] { result.run.variables["weight"]?.scalars ?? [] }

    /// How many features that matter have one of the 20 largest weights.
    private static func trueAmongLargest(_ result: ComparedRun) -> Int {
        let weights = weights(result)
        let largest = weights.indices.sorted { abs(weights[$0]) > abs(weights[$1]) }.prefix(20)
        return largest.filter(isTrue).count
    }

    /// How many of the features that matter each composition finds.
    private static func support(of results: [ComparedRun]) -> HTMLReport.Table {
        let rows = results.map { result in
            let weights = weights(result)
            let chosen = weights.indices.filter { weights[$0] != 0 }
            return [
                result.composition, "\(result.seed)", "\(chosen.count)", "\(chosen.filter(isTrue).count) of 20",
                "\(trueAmongLargest(result)) of 20",
            ]
        }
        let names = ["composition", "seed", "weights not zero", "of them true", "true among the 20 largest"]
        return HTMLReport.Table("Support recovered", rows: [names] + rows)
    }

    /// Every weight over λ, those that matter in color.
    private static func path(_ trainer: Trainer, _ train: Dataset, epochs: Int) throws -> Chart {
        let strengths: [Float] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1]
        let weights = try strengths.map { strength in
            let run = try trainer.composing(Composition { ProximalL1(strength) }).fit(train, epochs: min(epochs, 250))
            return run.variables["weight"]?.scalars ?? []
        }
        let x = strengths.map(Double.init)
        // Of the others every tenth: they all look alike.
        let others = (0..<1_000).filter { !isTrue($0) && $0 % 10 == 3 }
        let series = (others + (0..<1_000).filter(isTrue)).map { feature in
            Chart.Series(
                isTrue(feature) ? (feature % 100 == 7 ? "weight is 1" : "weight is −1") : "weight is 0", x: x,
                y: weights.map { Double($0[feature]) }, color: isTrue(feature) ? (feature % 100 == 7 ? 1 : 2) : 0,
                isFaint: !isTrue(feature))
        }
        return Chart(
            "Weights under ProximalL1, over λ", x: .init("λ", isLogarithmic: true), y: .init("weight"), series,
            note: "Every tenth of the features that do not matter is drawn.")
    }
}
