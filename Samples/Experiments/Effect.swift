import BallastPlugins

/// An effect that the literature reports: an order between two measures of a sample's runs, averaged over seeds.
struct Effect: Sendable {
    /// A number of a run.
    struct Measure: Sendable {
        let name: String
        let value: @Sendable (ComparedRun) throws -> Double

        static let testLoss = Measure(name: "test loss") { $0.test?.loss ?? .nan }
        static let testAccuracy = Measure(name: "test accuracy") { $0.test?["accuracy"] ?? .nan }
        static let trainAccuracy = Measure(name: "train accuracy") { $0.train["accuracy"] ?? .nan }
        static let weightNorm = Measure(name: "‖w‖₂") { $0.weightNorm }
        /// Train accuracy minus test accuracy; for regression, test loss minus train loss.
        static let gap = Measure(name: "gap") { result in
            guard let train = result.train["accuracy"], let test = result.test?["accuracy"] else {
                return (result.test?.loss ?? .nan) - result.train.loss
            }
            return train - test
        }
    }

    /// A measure of the runs of a composition.
    struct Side: Sendable {
        let measure: Measure
        let composition: String
    }

    /// The effect in words.
    let claim: String
    let lower: Side
    let higher: Side
    /// Whether it is expected at full size; if not, it is reported all the same.
    var isExpected = true

    init(_ claim: String, _ measure: Measure, of composition: String, isBelow other: String, isExpected: Bool = true) {
        self.claim = claim
        lower = Side(measure: measure, composition: composition)
        higher = Side(measure: measure, composition: other)
        self.isExpected = isExpected
    }

    init(_ claim: String, _ measure: Measure, of composition: String, isAbove other: String, isExpected: Bool = true) {
        self.init(claim, measure, of: other, isBelow: composition, isExpected: isExpected)
    }

    init(_ claim: String, _ measure: Measure, isAbove other: Measure, of composition: String) {
        self.claim = claim
        lower = Side(measure: other, composition: composition)
        higher = Side(measure: measure, composition: composition)
    }

    /// The compositions that it needs.
    var compositions: [String] { [lower.composition, higher.composition] }
}
