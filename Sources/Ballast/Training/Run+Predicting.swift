public import Tensors

/// What a run's model computes, in training and after.
extension Run {
    /// The output for inputs, in evaluation.
    ///
    /// - Throws: ``DataError`` if the inputs are not of the shape that the model was trained on, or hold a token that it lacks.
    public func predict(_ input: Tensor) throws -> Tensor {
        try runner.checkValues(input)
        return runner.run(input, .evaluation, updatesState: false)
    }

    /// The output for inputs in one pass with noise drawn and running statistics (``Phase/sampling``).
    ///
    /// The draws are a function of the run's seed, the index and the technique's place; those of training are others.
    ///
    /// - Parameters:
    ///   - input: the inputs, `[batch, ...]`.
    ///   - index: which of the samples of a Monte Carlo prediction this is, from 0 on.
    /// - Throws: ``DataError`` if the inputs are not of the shape that the model was trained on, or hold a token that it lacks.
    public func sample(_ input: Tensor, index: Int) throws -> Tensor {
        try runner.checkValues(input)
        return runner.sample(input, index: index)
    }

    /// The loss and the metrics on a data set, in evaluation and without penalties.
    ///
    /// - Throws: ``DataError`` if the data does not fit the model or the loss, or has no samples.
    public func evaluate(_ data: Dataset) throws -> Evaluation {
        try check(data, name: "evaluated")
        return measure(data)
    }

    func check(_ data: Dataset, name: String) throws {
        guard data.count > 0 else { throw DataError("the \(name) data has no samples") }
        try runner.check(data, for: trainer.loss, name: name)
    }

    /// The loss and the metrics on data that was checked.
    func measure(_ data: Dataset) -> Evaluation {
        runner.evaluate(
            data, loss: trainer.loss, metrics: trainer.metrics, batchSize: max(trainer.batchSize, 256))
    }
}
