public import Foundation
public import Tensors

/// A trained model with the techniques that wrap it, ready to predict.
public final class TrainedModel {
    /// What its outputs are compared with in training: that of classes makes them logits.
    public let target: Loss.Target
    private let runner: ModelRunner

    init(_ runner: ModelRunner, target: Loss.Target) {
        self.runner = runner
        self.target = target
    }

    /// The output for inputs, in evaluation.
    ///
    /// - Throws: ``DataError`` if the inputs are not of the shape that the model was trained on, or hold a token that it lacks.
    public func predict(_ input: Tensor) throws -> Tensor {
        try runner.checkValues(input)
        return runner.run(input, .evaluation, updatesState: false)
    }

    /// The output for inputs in one pass with noise drawn and running statistics (``Phase/sampling``).
    ///
    /// The draws are those of ``Run/sample(_:index:)`` in the run that the model was saved from.
    ///
    /// - Parameters:
    ///   - input: the inputs, `[batch, ...]`.
    ///   - index: which of the samples of a Monte Carlo prediction this is, from 0 on.
    /// - Throws: ``DataError`` if the inputs are not of the shape that the model was trained on, or hold a token that it lacks.
    public func sample(_ input: Tensor, index: Int) throws -> Tensor {
        try runner.checkValues(input)
        return runner.sample(input, index: index)
    }

    /// A copy of the variables.
    public var variables: Variables { runner.execution.store.variables }
}

extension Run {
    /// Saves the model, with the variables of the techniques that wrap it, as a safetensors file.
    ///
    /// - Parameter url: the file; one that is there is replaced, whole or not at all.
    /// - Throws: ``DataFileError`` if the file cannot be written.
    public func saveModel(to url: URL) throws {
        let shape = (runner.inputShape ?? []).map(String.init).joined(separator: ",")
        try SafetensorsFile.write(
            variables.entries.map { TensorFile.source($0.path, $0.value) },
            metadata: [
                "ballast.inputShape": shape, "ballast.inputType": runner.inputType.rawValue,
                "ballast.seed": "\(seed)", "format": "ballast",
            ], to: url)
    }
}

extension Trainer {
    /// Loads a model that ``Run/saveModel(to:)`` has written, into this trainer's model and composition.
    ///
    /// - Throws: ``CheckpointError`` if the file is of another model, naming the variables that differ.
    public func loadModel(from url: URL) throws -> TrainedModel {
        let file = try SafetensorsFile(contentsOf: url)
        guard let shapeText = file.metadata["ballast.inputShape"], let typeText = file.metadata["ballast.inputType"],
            let type = ScalarType(rawValue: typeText)
        else {
            throw CheckpointError(
                "\(url.path) does not say which inputs its model takes (metadata \"ballast.inputShape\"): it was not written by saveModel(to:). Read its tensors with TensorFile.read"
            )
        }
        let dimensions = shapeText.split(separator: ",").compactMap { Int($0) }
        guard dimensions.allSatisfy({ $0 >= 0 && $0 <= Int(Int32.max) }), dimensions.count < Shape.maximumRank else {
            throw CheckpointError("\(url.path): the input shape \"\(shapeText)\" is not one")
        }
        let store = VariableStore()
        store.expectsLoaded = true
        store.loaded = try TensorFile.tensors(of: file)
        let seed = file.metadata["ballast.seed"].flatMap { UInt64($0) } ?? 0
        let runner = ModelRunner(model, composition: composition, seed: seed, store: store)
        let shape = Shape([1] + dimensions)
        runner.declare(
            with: type == .float32
                ? .zeros(shape) : Tensor(integers: Array(repeating: 0, count: shape.elementCount), shape: shape))
        store.expectsLoaded = false
        var problems = runner.execution.problems
        // What techniques keep that take no part in a prediction, such as averages, is not needed.
        let names = composition.techniques.map(\.name)
        let rest = store.loaded.keys.filter { path in !names.contains { path.hasPrefix($0 + "/") } }
        if !rest.isEmpty {
            problems.append(
                "the file holds variables that the model lacks: \(rest.sorted().joined(separator: ", "))")
        }
        guard problems.isEmpty else {
            throw CheckpointError(
                "\(url.path) is of another model: \(problems.joined(separator: "; ")). Give the model and composition that it was saved with"
            )
        }
        return TrainedModel(runner, target: loss.target)
    }
}
