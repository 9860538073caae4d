internal import Tensors

/// Calls the penalties of a composition.
struct PenaltyCalls {
    private let table: HookTable
    private let model: BoundModel
    private let passes: ExtraPasses
    /// The indices of the parameters that each penalty is handed.
    private let selections: [[Int]]

    init(_ trainer: Trainer, _ table: HookTable, _ model: BoundModel) {
        self.table = table
        self.model = model
        passes = ExtraPasses(model: model, loss: trainer.loss)
        selections = table.penalties.map { model.tree.layout.indices($0.technique.parameters) }
    }

    /// The term that the penalty at a position adds to the objective of a batch.
    ///
    /// - Throws: ``TechniqueError`` if it is not a number.
    func callAsFunction(_ position: Int, _ batch: Batch, _ output: Tensor, _ pass: Pass) throws -> Tensor {
        let entry = table.penalties[position]
        let selected = Parameters(model.tree.layout, pass, selections[position])
        let term = pass.call(entry.index, .lossPenalty, at: model.techniqueNodes[entry.index]) { scope in
            entry.technique.lossPenalty(
                selected,
                in: PenaltyContext(
                    scope: scope, batch: batch, output: output, observations: pass.record.observations,
                    index: entry.index, passes: passes))
        }
        try pass.record.throwFailure()
        guard term.elementCount == 1, term.scalarType == .float32 else {
            throw TechniqueError(
                entry.technique.name, .lossPenalty,
                "returned \(term.scalarType == .int32 ? "integers" : "floats") of shape \(term.shape), but a penalty is one number"
            )
        }
        return term
    }
}
