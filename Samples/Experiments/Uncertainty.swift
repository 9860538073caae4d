import BallastPlugins
import Foundation

extension Sample {
    /// A curve with a gap in its data, and how uncertain a network with dropout is there.
    static let uncertainty = Sample(
        name: "uncertainty",
        summary: "a curve with a gap in the data: Monte Carlo dropout shows where the network is uncertain",
        lookFor: """
            The band: the mean of 100 passes with dropout, plus and minus two standard deviations. It is narrow where \
            there is data, and widens in the gap and beyond the ends. Without dropout there is no band: the variance is \
            exactly zero, however wrong the curve.
            """,
        epochs: 2_000, quickEpochs: 800,
        effects: [
            Effect(
                "the band is wider in the gap than over the data", deviation(at: [0], "in the gap"),
                isAbove: deviation(at: [-0.65, 0.65], "over the data"), of: "dropout-0.1")
        ]
    ) { _ in
        func dropout(_ probability: Float) -> Composition { Composition { Dropout(probability) } }
        return Experiment(
            source: "y = sin(4x) + N(0, 0.1²) for x in -1...-0.3 and 0.3...1, and nothing in between",
            train: try curve(60, "train"), validation: try curve(30, "validation"), test: try curve(30, "test"),
            trainer: Trainer(
                Sequential {
                    Linear(64); ReLU()
                    Linear(64); ReLU()
                    Linear(1)
                }, loss: .meanSquaredError, optimizer: Adam(learningRate: 3e-3), batchSize: 60),
            compositions: [
                ("none", Composition()),
                ("dropout-0.05", dropout(0.05)),
                ("dropout-0.1", dropout(0.1)),
                ("dropout-0.2", dropout(0.2)),
            ],
            pictures: { results in
                let seed = results[0].seed
                return try results.filter { $0.seed == seed }.enumerated().map { color, result in
                    .figure(try band(result, color))
                }
            })
    }

    /// The standard deviation of 100 passes, at some places.
    private static func deviation(at places: [Float], _ name: String) -> Effect.Measure {
        Effect.Measure(name: "deviation \(name)") { result in
            let prediction = try result.run.predict(Tensor(places, shape: [places.count, 1]), samples: 100)
            return prediction.variance.scalars.reduce(0) { $0 + Double($1).squareRoot() } / Double(places.count)
        }
    }

    private static func curve(_ count: Int, _ purpose: String) throws -> Dataset {
        let stream = RandomStream(seed: 1, purpose: "uncertainty/" + purpose)
        let places = stream.at(1).uniforms(count).map { $0 * 1.4 - 0.7 }
        let x = places.map { $0 < 0 ? $0 - 0.3 : $0 + 0.3 }
        let noise = Tensor.normal([count], deviation: 0.1, from: stream).scalars
        return try Dataset(inputs: x.map { [$0] }, targets: zip(x, noise).map { [sin(4 * $0) + $1] })
    }

    /// The mean and the band of the passes, against the points.
    private static func band(_ result: ComparedRun, _ color: Int) throws -> Chart {
        let x = (0...80).map { -1.4 + 2.8 * Float($0) / 80 }
        let prediction = try result.run.predict(Tensor(x, shape: [x.count, 1]), samples: 100)
        let data = Array(try curve(60, "train").batches(ofSize: 60))
        return Chart(
            result.composition, x: .init("x"), y: .init("y", range: -2.5...2.5),
            [
                Chart.Series(
                    "mean ± 2 deviations", x: x.map(Double.init), y: prediction.mean.scalars.map(Double.init),
                    spread: prediction.variance.scalars.map { 2 * Double($0).squareRoot() }, color: max(color, 1)),
                Chart.Series("sin(4x)", x: x.map(Double.init), y: x.map { Double(sin(4 * $0)) }, isFaint: true),
                Chart.Series(
                    "training data", .points, x: data.flatMap { $0.input.scalars.map(Double.init) },
                    y: data.flatMap { $0.target.scalars.map(Double.init) }),
            ])
    }
}
