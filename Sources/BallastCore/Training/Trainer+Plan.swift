public import Tensors

extension Trainer {
    /// What a run on this data will do, found by a first pass with its first batch; nothing is trained.
    ///
    /// - Parameters:
    ///   - data: the samples to learn from.
    ///   - validation: samples to measure with, if the run will have such.
    ///   - epochs: the number of epochs, where it is known.
    ///
    /// - Throws: ``CompositionError`` if the composition has mistakes, ``DataError`` if the data has no samples.
    public func plan(for data: Dataset, validation: Dataset? = nil, epochs: Int? = nil) throws -> Plan {
        try check(data, validation)
        return try plan(
            data.batch(data.order, 0..<min(data.count, batchSize)).input, hasValidation: validation != nil,
            epochs: epochs,
            sampleCount: data.count)
    }

    /// What a run on inputs of a shape will do; nothing is trained.
    ///
    /// - Parameters:
    ///   - inputShape: the shape of one input, without the batch.
    ///   - inputType: whether inputs are numbers or integers, such as tokens.
    ///   - hasValidation: whether the run will have data for validation.
    ///   - epochs: the number of epochs, where it is known.
    /// - Throws: ``CompositionError`` if the composition has mistakes.
    public func plan(
        inputShape: Shape, inputType: ScalarType = .float32, hasValidation: Bool = true, epochs: Int? = nil
    ) throws -> Plan {
        try plan(
            example(inputShape, inputType), hasValidation: hasValidation, epochs: epochs, sampleCount: nil)
    }

    /// One sample of zeros.
    func example(_ inputShape: Shape, _ inputType: ScalarType) -> Tensor {
        let shape = Shape([1] + inputShape.dimensions)
        guard inputType == .int32 else { return .zeros(shape) }
        return Tensor(integers: Array(repeating: 0, count: shape.elementCount), shape: shape)
    }

    private func plan(_ input: Tensor, hasValidation: Bool, epochs: Int?, sampleCount: Int?) throws -> Plan {
        let bound = try bind(
            to: input, seed: 0,
            checking: CheckedSetting(hasValidation: hasValidation, epochs: epochs, sampleCount: sampleCount))
        guard let (context, warnings) = bound.checked else { preconditionFailure("a plan is always checked") }
        return Plan(bound.model, context, warnings)
    }
}
