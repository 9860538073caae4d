import Ballast
import Tensors
import Testing

/// Every loss against PyTorch: value and gradient of the output.
@Suite struct LossReferenceTests {
    private static let losses: [String: Loss] = [
        "meanSquared": .meanSquaredError,
        "halfSquared": .meanSquaredError(scale: 0.5),
        "meanAbsolute": .meanAbsoluteError,
        "huber": .huber(),
        "huberQuarter": .huber(delta: 0.25),
        "binary": .binaryCrossEntropy,
        "crossEntropyLabels": .crossEntropy,
        "crossEntropyProbabilities": .crossEntropy,
    ]

    @Test(arguments: losses.keys.sorted())
    func `agrees with PyTorch`(name: String) throws {
        let fixtures = try TrainingFixtures("losses")
        let loss = try #require(Self.losses[name])
        let cases = fixtures.names.filter { $0.hasPrefix(name + "-") }
        #expect(cases.count >= 4)
        for name in cases {
            let target = try fixtures.tensor(name, "target")
            let (value, gradients) = try valueWithGradients(at: [fixtures.tensor(name, "output")]) {
                loss($0[0], target)
            }
            try expectAgreement(value, fixtures.tensor(name, "value"), "\(name): value")
            try expectAgreement(gradients[0], fixtures.tensor(name, "gradient"), "\(name): gradient")
        }
    }

    @Test func `every case of the file has its loss`() throws {
        let names = try TrainingFixtures("losses").names.map { String($0.prefix { $0 != "-" }) }
        #expect(Set(names) == Set(Self.losses.keys))
    }
}
