internal import BallastFiles
public import Foundation
public import Tensors

/// A trained model with the techniques that wrap it, ready to predict.
///
/// A value that never changes: several threads may use it at once.
public struct TrainedModel: Predictor, @unchecked Sendable {
    /// What outputs were compared with in training.
    public let target: Loss.Target
    /// Nothing is added to its tree of places any more, and nobody changes the values.
    private let model: BoundModel
    private let parameters: ParameterValues
    private let states: StateValues

    init(_ model: BoundModel, _ state: RunState, target: Loss.Target) {
        self.model = model
        parameters = state.parameters
        states = state.states
        self.target = target
        model.tree.share()
    }

    /// The output for inputs, in evaluation.
    ///
    /// - Throws: as ``Predictor/predict(_:)``.
    public func predict(_ input: Tensor) throws -> Tensor {
        try model.checkValues(input)
        return try model.evaluate(input, parameters, states)
    }

    /// The output for inputs in one pass with noise and running statistics.
    ///
    /// - Throws: as ``Predictor/predict(_:draw:)``.
    public func predict(_ input: Tensor, draw: Int) throws -> Tensor {
        try requireDraw(draw)
        try model.checkValues(input)
        return try model.evaluate(input, parameters, states, draw: draw)
    }

    /// A copy of the variables.
    public var variables: Variables { model.tree.variables(parameters, states, isForEvaluation: true) }
}

extension Run {
    /// Saves the model, with the variables of the techniques that wrap it, as a safetensors file.
    ///
    /// What techniques keep for training alone, such as averages, is not in it.
    ///
    /// - Parameter url: the file; one that exists is replaced, whole or not at all.
    /// - Throws: ``DataFileError`` if the file cannot be written.
    public func saveModel(to url: URL) throws {
        let shape = (model.inputShape ?? []).map(String.init).joined(separator: ",")
        let variables = model.tree.variables(state.parameters, state.states, isForEvaluation: true)
        try SafetensorsFile.write(
            variables.entries.map { TensorFile.source($0.path, $0.value) },
            metadata: [
                "ballast.inputShape": shape, "ballast.inputType": model.inputType.rawValue,
                "ballast.seed": "\(seed)", "format": "ballast",
            ], to: url)
    }
}

extension Trainer {
    /// Loads a model that ``Run/saveModel(to:)`` has written, into this trainer's model and composition.
    ///
    /// - Parameters:
    ///   - url: the file.
    ///   - maximumInputElements: the most elements that the file may say one input has; more are refused before memory is
    ///     taken.
    /// - Throws: ``CheckpointError`` if the file is of another model, naming the variables that differ, or
    ///   ``DataFileError`` if it cannot be read.
    public func loadModel(from url: URL, maximumInputElements: Int = 1 << 24) throws -> TrainedModel {
        let file = try SafetensorsFile(contentsOf: url)
        guard let shapeText = file.metadata["ballast.inputShape"], let typeText = file.metadata["ballast.inputType"],
            let type = ScalarType(rawValue: typeText)
        else {
            throw CheckpointError(
                "\(url.path) does not say which inputs its model takes (metadata \"ballast.inputShape\"): it was not written by saveModel(to:). Read its tensors with TensorFile.read"
            )
        }
        let fields = shapeText.isEmpty ? [] : shapeText.split(separator: ",", omittingEmptySubsequences: false)
        let dimensions = fields.map { Int($0) ?? -1 }
        guard dimensions.count < Shape.maximumRank, dimensions.allSatisfy({ $0 > 0 && $0 <= Int(Int32.max) }),
            let count = dimensions.checkedProduct
        else {
            throw CheckpointError("\(url.path): the input shape \"\(shapeText)\" is not one")
        }
        guard count <= maximumInputElements else {
            throw CheckpointError(
                "\(url.path): an input of shape [\(shapeText)] has \(count) elements, more than \(maximumInputElements). Raise maximumInputElements if that is right"
            )
        }
        // The weights must fit such inputs before one is made: a layer that takes others ends the program.
        let loaded = LoadedVariables(try TensorFile.tensors(of: file), order: file.entries.map(\.name))
        let seed = file.metadata["ballast.seed"].flatMap { UInt64($0) } ?? 0
        var predicting = self
        predicting.optimizer = SGD(learningRate: 0)
        let bound = try predicting.bind(to: example(Shape(dimensions), type), seed: seed, loaded: loaded, checking: nil)
        var problems = loaded.problems
        let rest = loaded.remainingPaths(besides: composition.techniques.map(\.name))
        if !rest.isEmpty {
            problems.append("the file holds variables that the model lacks: \(rest.joined(separator: ", "))")
        }
        guard problems.isEmpty else {
            throw CheckpointError(
                "\(url.path) is of another model: \(problems.joined(separator: "; ")). Give the model and composition that it was saved with"
            )
        }
        // Places that only predictions with noise use are made now, before several threads use the tree.
        _ = try bound.model.evaluate(
            example(Shape(dimensions), type), bound.state.parameters, bound.state.states, draw: 0)
        return TrainedModel(bound.model, bound.state, target: loss.target)
    }
}
