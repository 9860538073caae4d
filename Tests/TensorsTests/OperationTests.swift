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
        try forEachSample(of: name) { operation, sample, place in
            let inputs = sample.inputTensors
            let error = relativeError(operation(inputs), sample.outputTensor)
            #expect(error < 1e-5, "\(place): output")
            for (position, gradient) in gradients(of: operation, at: inputs) {
                guard let expected = sample.gradientTensors[position] else { continue }
                let error = relativeError(gradient, expected)
                #expect(error < 1e-5, "\(place): gradient of input \(position)")
            }
        }
    }

    /// Every kernel of the backward pass both overwrites and adds; here it finds a gradient of 3 that is to stay.
    @Test(arguments: OperationTable.all.keys.sorted())
    func `adds to the gradients that are there already`(name: String) throws {
        try forEachSample(of: name) { operation, sample, place in
            let inputs = sample.inputTensors
            let alone = gradients(of: operation, at: inputs)
            let more = gradients(of: operation, at: inputs, plus: 3)
            for ((position, first), (_, second)) in zip(alone, more) where first.scalars.allSatisfy({ $0.isFinite }) {
                let error = relativeError(second, first + 3)
                #expect(error < 1e-6, "\(place): gradient of input \(position)")
            }
        }
    }

    @Test(arguments: OperationTable.all.keys.sorted())
    func `agrees with central differences`(name: String) throws {
        try forEachSample(of: name) { operation, sample, place in
            guard sample.smooth else { return }
            let sentences = checkGradients(of: operation, at: sample.inputTensors)
            #expect(sentences.isEmpty, "\(place)")
        }
    }

    private func forEachSample(
        of name: String,
        _ body: (_ operation: OperationTable.Operation, _ sample: OperationFixtures.Sample, _ place: String) -> Void
    ) throws {
        let operation = try #require(OperationTable.all[name])
        for (number, sample) in try #require(fixtures.samples[name]).enumerated() {
            let shapes = sample.inputTensors.map { "\($0.shape)" }.joined(separator: ", ")
            body(operation, sample, "\(name), sample \(number) of shapes \(shapes)")
        }
    }

    /// The gradients of the operation's output times the cotangent, and of `extra` times the sum of each input, which
    /// arrive first; by position, for inputs of floats.
    private func gradients(
        of operation: OperationTable.Operation, at inputs: [Tensor], plus extra: Float = 0
    ) -> [(position: Int, gradient: Tensor)] {
        let floats = inputs.indices.filter { inputs[$0].scalarType == .float32 }
        let (_, gradients) = valueWithGradients(at: floats.map { inputs[$0] }) { floatInputs in
            var all = inputs
            for (position, input) in zip(floats, floatInputs) { all[position] = input }
            let output = operation(all)
            let value = (output * OperationFixtures.cotangent(of: output.shape)).sum()
            return extra == 0 ? value : floatInputs.reduce(value) { $0 + ($1 * extra).sum() }
        }
        return zip(floats, gradients).map { ($0, $1) }
    }
}
