import Ballast
import Foundation
import TestSupport
import Tensors
import Testing

/// A hundred steps from the same parameters, on the same batches, end where PyTorch's end.
///
/// The last batch is a short one. PyTorch in 32 bits is about 5e-7 away from the expected values.
@Suite struct TrajectoryTests {
    private static let tolerance: Float = 1e-5

    private static let perceptron = Sequential {
        Linear(16)
        ReLU()
        Linear(8)
        ReLU()
        Linear(3)
    }

    private static let convolutional = Sequential {
        Conv2d(4, kernel: 3, padding: 1)
        ReLU()
        MaxPool2d(2)
        Flatten()
        Linear(3)
    }

    @Test func `the table and the files have the same optimizers`() throws {
        for kind in ["perceptron", "convolutional"] {
            let names = try TrainingFixtures("trajectories-" + kind).names
            #expect(
                Set(names)
                    == Set(OptimizerTable.entries.keys).union(["initial", "labels"])
                    .union(kind == "perceptron" ? ["inputs"] : []))
        }
    }

    @Test(arguments: OptimizerTable.entries.keys.sorted())
    func `a perceptron ends at PyTorch's parameters`(name: String) throws {
        let fixtures = try TrainingFixtures("trajectories-perceptron")
        let inputs = try Column(floats: fixtures.tensor("inputs").scalars, itemShape: [8])
        try check(name, Self.perceptron, inputs, fixtures, batchSize: 8)
    }

    @Test(arguments: OptimizerTable.entries.keys.sorted())
    func `a convolutional network ends at PyTorch's parameters`(name: String) throws {
        let fixtures = try TrainingFixtures("trajectories-convolutional")
        let images = try SafetensorsFile(contentsOf: TrainingFixtures.url("images")).bytes(of: "images")
        let inputs = try Column(bytes: images, itemShape: [1, 8, 8], scale: 1 / 128, offset: -1)
        try check(name, Self.convolutional, inputs, fixtures, batchSize: 5)
    }

    /// A transform that looks at the updates makes the run work them out instead of folding everything in.
    @Test(arguments: ["sgd", "momentum-l2", "adam", "adamw", "rmsprop-momentum"])
    func `a technique that looks at the updates does not change where they end`(name: String) throws {
        let fixtures = try TrainingFixtures("trajectories-perceptron")
        let inputs = try Column(floats: fixtures.tensor("inputs").scalars, itemShape: [8])
        try check(name, Self.perceptron, inputs, fixtures, batchSize: 8, and: [UpdateReader()])
    }

    /// An optimizer that is not one of the framework's goes another way through a step.
    @Test(arguments: ["sgd", "momentum-l2", "adam", "adamw"])
    func `an optimizer of another author ends there too`(name: String) throws {
        let fixtures = try TrainingFixtures("trajectories-perceptron")
        let inputs = try Column(floats: fixtures.tensor("inputs").scalars, itemShape: [8])
        let optimizer = try #require(OptimizerTable.entries[name]).optimizer
        try check(
            name, Self.perceptron, inputs, fixtures, batchSize: 8, optimizer: ForeignOptimizer(base: optimizer))
    }

    /// Trains through the fixtures' data once, and compares every loss and the parameters at the end.
    private func check(
        _ name: String, _ model: Sequential, _ inputs: Column, _ fixtures: TrainingFixtures, batchSize: Int,
        optimizer: (any Optimizer)? = nil, and techniques: [any Technique] = []
    ) throws {
        let entry = try #require(OptimizerTable.entries[name])
        let labels = try Column(integers: fixtures.tensor("labels").integers)
        let data = try Dataset(inputs: inputs, targets: labels)
            .subset(ReplayedBatches.arranged(Array(0..<inputs.count), seed: 3))
        let recording = RunRecording()
        let trainer = Trainer(
            model, loss: recording.listening(to: .crossEntropy), optimizer: optimizer ?? entry.optimizer,
            batchSize: batchSize, composition: Composition(entry.composition.techniques + techniques))
        let run = try trainer.start(data, epochs: 1, seed: 3)
        let initial = try fixtures.tensors("initial")
        #expect(Set(run.variables.entries.map(\.path)) == Set(initial.keys))
        try run.replaceVariables(run.variables.mapParameters { initial[$0.path] ?? $0.value })
        try run.finish()

        #expect(run.stepCount == 100)
        let expected = try fixtures.tensors(name)
        expectAgreement(
            Tensor(recording.losses), try fixtures.tensor(name, "losses"), within: Self.tolerance, "\(name): losses")
        for entry in run.variables.entries {
            let final = try #require(expected[entry.path])
            expectAgreement(entry.value, final, within: Self.tolerance, "\(name): \(entry.path)")
        }
    }
}

/// Looks at every update, and lets it pass.
private struct UpdateReader: GradientTransform {
    var stage: GradientStage { .update }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        precondition((0..<gradients.count).allSatisfy { gradients[$0].scalars.allSatisfy(\.isFinite) })
        return gradients
    }
}

/// One of the framework's optimizers behind the public protocol alone.
private struct ForeignOptimizer: Optimizer {
    let base: any Optimizer

    var learningRate: Float { base.learningRate }
    var slots: [String] { base.slots }

    func update(_ gradient: Tensor, of parameter: Tensor, slots: inout [Tensor], at step: OptimizerStep) -> Tensor {
        base.update(gradient, of: parameter, slots: &slots, at: step)
    }
}
