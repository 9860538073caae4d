public import Tensors

/// A measure of predictions over a whole data set, gathered batch by batch in double precision.
public struct Metric: Sendable {
    /// Its name, for reports and for monitoring.
    public let name: String
    /// Whether greater is better.
    public let isHigherBetter: Bool
    /// The number of sums that are kept.
    package let accumulatorCount: Int
    package let update: @Sendable (_ output: Tensor, _ target: Tensor, _ sums: inout [Double]) -> Void
    package let result: @Sendable (_ sums: [Double]) -> Double

    /// Creates your own metric.
    ///
    /// - Parameters:
    ///   - name: its name, for reports and for monitoring.
    ///   - isHigherBetter: whether greater is better.
    ///   - accumulatorCount: how many sums are kept from batch to batch, starting at 0.
    ///   - update: adds a batch to the sums.
    ///   - result: computes the value from the sums.
    public init(
        _ name: String, isHigherBetter: Bool, accumulatorCount: Int,
        update: @escaping @Sendable (_ output: Tensor, _ target: Tensor, _ sums: inout [Double]) -> Void,
        result: @escaping @Sendable (_ sums: [Double]) -> Double
    ) {
        self.name = name
        self.isHigherBetter = isHigherBetter
        self.accumulatorCount = accumulatorCount
        self.update = update
        self.result = result
    }

    /// The share of rows whose largest output is at the label.
    public static let accuracy = topAccuracy(1, name: "accuracy")

    /// The share of rows whose label is among the `count` largest outputs.
    public static func topAccuracy(_ count: Int) -> Metric {
        require(count > 0, "topAccuracy: count must be positive but is \(count)")
        return topAccuracy(count, name: "top-\(count) accuracy")
    }

    private static func topAccuracy(_ count: Int, name: String) -> Metric {
        Metric(name, isHigherBetter: true, accumulatorCount: 2) { output, target, sums in
            let classes = output.shape.last ?? 1
            let labels = target.scalarType == .int32 ? target.integers : target.argmax().integers
            output.withUnsafeFloats { values in
                for (row, label) in labels.enumerated() {
                    let wanted = values[row * classes + Int(label)]
                    // Ties go to the smaller index, as argmax has it.
                    var ahead = wanted.isNaN ? count : 0
                    for column in 0..<classes {
                        let value = values[row * classes + column]
                        if value > wanted || (value == wanted && column < Int(label)) { ahead += 1 }
                    }
                    if ahead < count { sums[0] += 1 }
                }
            }
            sums[1] += Double(labels.count)
        } result: {
            $0[0] / $0[1]
        }
    }

    /// The mean of (ŷ − y)².
    public static let meanSquaredError = Metric("MSE", isHigherBetter: false, accumulatorCount: 2) {
        output, target, sums in
        forEachPair(output, target) { sums[0] += ($0 - $1) * ($0 - $1) }
        sums[1] += Double(output.elementCount)
    } result: {
        $0[0] / $0[1]
    }

    /// The share of the targets' variance that the predictions explain: 1 − Σ(ŷ − y)² / Σ(y − ȳ)².
    public static let r2 = Metric("R²", isHigherBetter: true, accumulatorCount: 4) { output, target, sums in
        forEachPair(output, target) { predicted, actual in
            sums[0] += (predicted - actual) * (predicted - actual)
            sums[1] += actual
            sums[2] += actual * actual
        }
        sums[3] += Double(output.elementCount)
    } result: { sums in
        1 - sums[0] / (sums[2] - sums[1] * sums[1] / sums[3])
    }

    private static func forEachPair(_ output: Tensor, _ target: Tensor, _ body: (Double, Double) -> Void) {
        output.withUnsafeFloats { output in
            target.withUnsafeFloats { target in
                for index in 0..<min(output.count, target.count) { body(Double(output[index]), Double(target[index])) }
            }
        }
    }
}

/// What is known of a metric before it is measured.
public struct MetricDescription: Sendable, Hashable {
    /// Its name.
    public let name: String
    /// Whether greater is better.
    public let isHigherBetter: Bool

    /// Creates a description.
    ///
    /// - Parameters:
    ///   - name: its name.
    ///   - isHigherBetter: whether greater is better.
    public init(_ name: String, isHigherBetter: Bool) {
        self.name = name
        self.isHigherBetter = isHigherBetter
    }
}
