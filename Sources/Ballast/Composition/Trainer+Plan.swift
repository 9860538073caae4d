public import Tensors

extension Trainer {
    /// What a run on this data will do, found by a first pass with its first batch; nothing is trained.
    ///
    /// - Parameters:
    ///   - data: the samples to learn from.
    ///   - validation: samples to measure with, if the run will have such.
    ///   - epochs: the number of epochs, where it is known.
    ///
    /// - Throws: ``CompositionError`` if the composition has mistakes.
    public func plan(for data: Dataset, validation: Dataset? = nil, epochs: Int? = nil) throws -> Plan {
        guard data.count > 0 else { throw DataError("the data has no samples") }
        return try plan(
            input: data.batch(data.order, 0..<min(data.count, batchSize)).input, hasValidation: validation != nil,
            epochs: epochs, sampleCount: data.count)
    }

    /// What a run on inputs of a shape will do; nothing is trained.
    ///
    /// - Parameters:
    ///   - inputShape: the shape of one input, without the batch.
    ///   - hasValidation: whether the run will have data for validation.
    ///   - epochs: the number of epochs, where it is known.
    /// - Throws: ``CompositionError`` if the composition has mistakes.
    public func plan(inputShape: Shape, hasValidation: Bool = true, epochs: Int? = nil) throws -> Plan {
        try plan(
            input: .zeros(Shape([1] + inputShape.dimensions)), hasValidation: hasValidation, epochs: epochs,
            sampleCount: nil)
    }

    private func plan(input: Tensor, hasValidation: Bool, epochs: Int?, sampleCount: Int?) throws -> Plan {
        let runner = ModelRunner(model, composition: composition, seed: 0, store: VariableStore())
        runner.declare(with: input)
        let composer = Composer(
            self, runner, hasValidation: hasValidation, epochs: epochs, sampleCount: sampleCount)
        let findings = try composer.check()
        return Plan(self, runner, setting: composer.setting, findings: findings)
    }
}
