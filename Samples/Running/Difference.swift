import BallastPlugins
import Foundation

/// The change of the test metric and of the time when a technique is left out, for each seed.
struct Difference {
    let technique: String
    /// What is measured.
    let metric: String
    /// For each seed, the metric without the technique minus the metric with it.
    let values: [Double]
    /// The mean difference of the time of a run, in seconds.
    let time: Double

    /// The mean; nil without values.
    var mean: Double? { values.isEmpty ? nil : values.reduce(0, +) / Double(values.count) }

    /// Half the interval that holds the mean with 95 % confidence (Student's t); nil for fewer than two values.
    var halfInterval: Double? {
        guard let mean, values.count > 1 else { return nil }
        let count = Double(values.count)
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let error = (squares / (count - 1) / count).squareRoot()
        let quantiles = Difference.quantiles
        return (values.count - 1 <= quantiles.count ? quantiles[values.count - 2] : 1.96) * error
    }

    /// Half the width of the interval that holds the mean of 2, 3, ... values with 95 %, in standard errors.
    private static let quantiles = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
        2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ]

    /// The mean and its interval.
    var text: String {
        guard let mean else { return "-" }
        let half = halfInterval.map { String(format: " ± %.4f", $0) } ?? ""
        return String(format: "%+.4f", mean) + half
    }

    /// The difference as a JSON object.
    func fields(of sample: String, _ composition: String) -> [(name: String, value: JSON)] {
        [
            ("sample", .text(sample)), ("composition", .text(composition)), ("leftOut", .text(technique)),
            ("measure", .text(metric)), ("difference", .number(mean)), ("halfInterval", .number(halfInterval)),
            ("seeds", .integer(UInt64(values.count))), ("seconds", .number(values.isEmpty ? nil : time)),
        ]
    }
}

extension Difference {
    /// The difference between the runs of a composition and those of "without \(technique)".
    init(without technique: String, from composition: String, in results: [ComparedRun]) {
        let name = results.first?.run.trainer.metrics.first?.name
        func value(_ result: ComparedRun) -> Double {
            name.flatMap { result.test?[$0] } ?? result.test?.loss ?? .nan
        }
        let pairs = results.filter { $0.composition == "without \(technique)" }.compactMap { left in
            results.first { $0.composition == composition && $0.seed == left.seed }.map { (left, $0) }
        }
        self.init(
            technique: technique, metric: "test \(name ?? "loss")", values: pairs.map { value($0.0) - value($0.1) },
            time: pairs.isEmpty ? 0 : pairs.reduce(0) { $0 + $1.0.seconds - $1.1.seconds } / Double(pairs.count))
    }
}
