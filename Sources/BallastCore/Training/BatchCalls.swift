internal import Tensors

/// Calls the wrappers of a composition that change batches.
struct BatchCalls {
    private let table: HookTable
    private let model: BoundModel
    private let passes: ExtraPasses

    init(_ trainer: Trainer, _ table: HookTable, _ model: BoundModel) {
        self.table = table
        self.model = model
        passes = ExtraPasses(model: model, loss: trainer.loss)
    }

    /// The batch that enters the model.
    ///
    /// - Throws: ``TechniqueError`` if a technique returns a batch that the model or the loss does not take.
    func callAsFunction(_ batch: Batch, _ pass: @autoclosure () -> Pass) throws -> Batch {
        guard !table.batchWrappers.isEmpty else { return batch }
        let pass = pass()
        let record = pass.record
        record.reset()
        var batch = batch
        for entry in table.batchWrappers {
            record.partBegan?("BatchWrapper")
            let old = batch
            batch = call(entry, old, pass)
            try record.throwFailure()
            if let problem = problem(with: batch, madeOf: old) ?? problem(withValuesOf: batch, madeOf: old) {
                throw TechniqueError(entry.technique.name, .forwardWrapper, at: "the batch", problem)
            }
        }
        return batch
    }

    private func call(_ entry: HookTable.Entry<any BatchWrapper>, _ batch: Batch, _ pass: Pass) -> Batch {
        pass.call(entry.index, .forwardWrapper, at: model.techniqueNodes[entry.index]) { scope in
            entry.technique.forwardWrapper(batch, in: BatchContext(scope: scope, passes: passes))
        }
    }

    /// What is wrong with a batch that a technique returned.
    private func problem(with new: Batch, madeOf old: Batch) -> String? {
        if new.input.shape != old.input.shape || new.input.scalarType != old.input.scalarType {
            return
                "returned \(new.input.scalarType) inputs of shape \(new.input.shape) for \(old.input.scalarType) inputs of shape \(old.input.shape); shape and type must stay"
        }
        let (target, before) = (new.target, old.target)
        if target.shape == before.shape, target.scalarType == before.scalarType { return nil }
        let probabilities = before.shape.appending(model.outputShape?.last ?? 1)
        if passes.loss.target == .classes, target.scalarType == .float32,
            target.shape == (before.scalarType == .int32 ? probabilities : before.shape)
        {
            return nil
        }
        return
            "returned targets of shape \(target.shape) for targets of shape \(before.shape); they must stay, or become probabilities of shape \(probabilities)"
    }

    /// What is wrong with the tokens and labels of a batch that a technique changed.
    private func problem(withValuesOf new: Batch, madeOf old: Batch) -> String? {
        if new.input.scalarType == .int32, new.input.storage !== old.input.storage {
            do { try model.checkValues(new.input) } catch {
                return "returned inputs that the model does not take: \(error)"
            }
        }
        guard new.target.scalarType == .int32, new.target.storage !== old.target.storage, let classes = passes.classes,
            let label = new.target.integers.first(where: { $0 < 0 || Int($0) >= classes })
        else { return nil }
        return
            "returned the label \(label), but the model's output of \(classes) classes takes labels in 0..<\(classes)"
    }

    /// The technique that made numbers of a batch what is not finite, found by making the batch once more.
    func spoiler(of batch: Batch, _ pass: Pass) -> String? {
        let pass = pass.another(tape: nil)
        var batch = batch
        guard batch.input.isFinite, batch.target.isFinite else { return nil }
        for entry in table.batchWrappers {
            batch = call(entry, batch, pass)
            guard batch.input.isFinite, batch.target.isFinite else { return entry.technique.name }
        }
        return nil
    }
}
