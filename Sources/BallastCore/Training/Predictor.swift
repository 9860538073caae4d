public import Tensors

/// What predicts: a run, in training and after, or a model that was loaded.
public protocol Predictor {
    /// What outputs are compared with in training: that of classes makes them logits.
    var target: Loss.Target { get }

    /// The output for inputs, in evaluation.
    ///
    /// - Parameter input: the inputs, `[batch, ...]`.
    /// - Throws: ``DataError`` if the inputs are not of the shape that the model was trained on, or hold a token that it
    ///   lacks; ``TechniqueError`` if a technique makes a mistake.
    func predict(_ input: Tensor) throws -> Tensor

    /// The output for inputs in one pass with noise and running statistics (``Phase/stochasticEvaluation``).
    ///
    /// The noise is a function of the run's seed, the draw and the technique's place; that of training is another.
    ///
    /// - Parameters:
    ///   - input: the inputs, `[batch, ...]`.
    ///   - draw: which draw of a Monte Carlo prediction this is, from 0 on.
    /// - Throws: as ``predict(_:)``.
    func predict(_ input: Tensor, draw: Int) throws -> Tensor
}

extension Predictor {
    /// The outputs for all inputs of a data set, in its order, in batches.
    ///
    /// - Parameters:
    ///   - data: the data; its targets are not used.
    ///   - batchSize: the number of samples in a batch, for memory; it does not change the outputs of models that treat
    ///     each sample by itself, but for rounding.
    /// - Returns: the outputs, `[samples, ...]`.
    /// - Throws: as ``predict(_:)``, and ``DataError`` if the data has no samples.
    public func predict(_ data: Dataset, batchSize: Int = 256) throws -> Tensor {
        guard data.count > 0 else { throw DataError("the data has no samples to predict") }
        return concatenated(try data.batches(ofSize: batchSize).map { try predict($0.input) }, axis: 0)
    }
}

extension Run: Predictor {
    /// What outputs are compared with in training.
    public var target: Loss.Target { trainer.loss.target }

    /// The output for inputs, in evaluation.
    ///
    /// - Throws: as ``Predictor/predict(_:)``.
    public func predict(_ input: Tensor) throws -> Tensor {
        try model.checkValues(input)
        return try model.evaluate(input, state.parameters, state.states)
    }

    /// The output for inputs in one pass with noise and running statistics.
    ///
    /// - Throws: as ``Predictor/predict(_:draw:)``.
    public func predict(_ input: Tensor, draw: Int) throws -> Tensor {
        try requireDraw(draw)
        try model.checkValues(input)
        return try model.evaluate(input, state.parameters, state.states, draw: draw)
    }

    /// The loss and the metrics on a data set, in evaluation and without penalties.
    ///
    /// - Throws: ``DataError`` if the data does not fit the model or the loss, or has no samples.
    public func evaluate(_ data: Dataset) throws -> Evaluation {
        try check(data, name: "evaluated")
        return try evaluation(data, state.parameters, state.states)
    }

    package func check(_ data: Dataset, name: String) throws {
        guard data.count > 0 else { throw DataError("the \(name) data has no samples") }
        try model.check(data, for: trainer.loss, name: name)
    }

    /// The loss and the metrics on data that was checked.
    func evaluation(_ data: Dataset, _ parameters: ParameterValues, _ states: StateValues) throws -> Evaluation {
        try model.evaluate(
            data, parameters, states, loss: trainer.loss, metrics: trainer.metrics,
            batchSize: trainer.evaluationBatchSize)
    }
}

func requireDraw(_ draw: Int) throws {
    guard draw >= 0 else { throw DataError("the draw of a prediction must not be negative but is \(draw)") }
}
