import Foundation
import Tensors
import TestSupport
import Testing

/// Every differentiable operation, at odd shapes, against PyTorch and against central differences.
@Suite struct OperationTests {
    static let fixtureFile = URL(filePath: #filePath).deletingLastPathComponent().appending(
        path: "Fixtures/operations.json")

    let fixtures: OperationFixtures

    init() throws { fixtures = try OperationFixtures(contentsOf: OperationTests.fixtureFile) }

    @Test func `the table and the fixtures have the same operations`() {
        #expect(Set(OperationTable.all.keys) == Set(fixtures.samples.keys))
    }

    /// Values and gradients: relative to the greatest magnitude of each tensor.
    @Test(arguments: OperationTable.all.keys.sorted())
    func `agrees with PyTorch`(name: String) throws {
        let operation = try #require(OperationTable.all[name])
        for (number, sample) in try #require(fixtures.samples[name]).enumerated() {
            let inputs = sample.inputTensors
            let expected = sample.outputTensor
            let shapes = inputs.map { "\($0.shape)" }.joined(separator: ", ")
            let error = relativeError(operation(inputs), expected)
            #expect(error < 1e-5, "\(name), sample \(number) of shapes \(shapes): output")

            let floats = inputs.indices.filter { inputs[$0].scalarType == .float32 }
            let (_, gradients) = valueWithGradients(at: floats.map { inputs[$0] }) { floatInputs in
                var all = inputs
                for (position, input) in zip(floats, floatInputs) { all[position] = input }
                return (operation(all) * OperationFixtures.cotangent(of: expected.shape)).sum()
            }
            for (position, gradient) in zip(floats, gradients) {
                guard let expected = sample.gradientTensors[position] else { continue }
                let error = relativeError(gradient, expected)
                #expect(error < 1e-5, "\(name), sample \(number) of shapes \(shapes): gradient of input \(position)")
            }
        }
    }

    @Test(arguments: OperationTable.all.keys.sorted())
    func `agrees with central differences`(name: String) throws {
        let operation = try #require(OperationTable.all[name])
        for (number, sample) in try #require(fixtures.samples[name]).enumerated() where sample.smooth {
            let sentences = checkGradients(of: operation, at: sample.inputTensors)
            #expect(sentences.isEmpty, "\(name), sample \(number)")
        }
    }
}
