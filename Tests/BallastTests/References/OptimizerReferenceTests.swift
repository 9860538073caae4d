import Ballast
import TestSupport
import Tensors
import Testing

/// The optimizers on parameters of odd sizes, along given gradients, against `torch.optim`: five steps.
@Suite struct OptimizerReferenceTests {
    private static let sizes = [1, 7, 16, 17, 1000]
    private static let names = [
        "sgd", "momentum-l2-all", "nesterov", "adam", "adam-betas", "adamw-all", "rmsprop", "rmsprop-momentum",
    ]

    private let fixtures: TrainingFixtures

    init() throws { fixtures = try TrainingFixtures("optimizers") }

    private func parts(_ all: [Float]) -> [Tensor] {
        var start = 0
        return Self.sizes.map { size in
            defer { start += size }
            return Tensor(Array(all[start..<start + size]))
        }
    }

    @Test func `the file has these optimizers`() {
        #expect(Set(fixtures.names) == Set(Self.names).union(["initial", "gradients"]))
    }

    /// All parameters in one call of the kernel, as a run makes it.
    @Test(arguments: names)
    func `a whole model ends at PyTorch's parameters`(name: String) throws {
        let entry = try #require(OptimizerTable.entries[name])
        let gradients = try fixtures.tensor("gradients")
        let data = try Dataset(
            inputs: Column(floats: [0, 0, 0, 0, 0], itemShape: [1]),
            targets: Column(floats: gradients.scalars, itemShape: [gradients.shape[1]])
        ).subset(ReplayedBatches.arranged(Array(0..<5), seed: 0))
        let product = Loss("product", target: .values) { ($0 * $1).sum() }
        let trainer = Trainer(
            Pieces(initial: try parts(fixtures.tensor("initial").scalars).map(\.scalars)), loss: product,
            optimizer: entry.optimizer, batchSize: 1, composition: entry.composition)
        let run = try trainer.fit(data, epochs: 1)
        #expect(run.stepCount == 5)
        for (entry, expected) in zip(run.variables.entries, try parts(fixtures.tensor(name).scalars)) {
            expectAgreement(entry.value, expected, "\(name), size \(expected.elementCount)")
        }
    }

    /// One parameter at a time, through the protocol.
    @Test(arguments: names.filter { !$0.hasSuffix("-all") })
    func `one parameter ends at PyTorch's`(name: String) throws {
        let optimizer = try #require(OptimizerTable.entries[name]).optimizer
        var parameters = try parts(fixtures.tensor("initial").scalars)
        var slots = parameters.map { parameter in optimizer.slots.map { _ in Tensor.zeros(parameter.shape) } }
        let gradients = try fixtures.tensor("gradients")
        for step in 0..<5 {
            for (index, gradient) in parts(gradients[step].scalars).enumerated() {
                parameters[index] =
                    parameters[index]
                    + optimizer.update(
                        gradient, of: parameters[index], slots: &slots[index],
                        at: OptimizerStep(learningRate: optimizer.learningRate, index: step))
            }
        }
        for (parameter, expected) in zip(parameters, try parts(fixtures.tensor(name).scalars)) {
            expectAgreement(parameter, expected, "\(name), size \(expected.elementCount)")
        }
    }
}

/// Parameters of given values, one after the other as one row of output.
private struct Pieces: Layer {
    let initial: [[Float]]

    func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        let pieces = initial.enumerated().map { index, values in
            scope.parameter("piece\(index)", [values.count], initial: .values(values))
        }
        let row = concatenated(pieces, axis: 0)
        return row.reshaped(to: [1, row.elementCount])
    }
}
