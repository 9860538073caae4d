internal import Tensors

/// A trainer's model and techniques, bound to the variables of one run.
struct BoundTrainer {
    let table: HookTable
    let model: BoundModel
    let state: RunState
    let step: TrainingStep
    /// What was checked, and what was found; nil where nothing was.
    let checked: (context: CompositionContext, warnings: [Diagnostic])?
}

/// What a composition is checked for.
struct CheckedSetting {
    let hasValidation: Bool
    let epochs: Int?
    let sampleCount: Int?
}

extension Trainer {
    /// The number of steps in an epoch.
    func stepsPerEpoch(_ data: Dataset) -> Int { max(1, (data.count + batchSize - 1) / batchSize) }

    /// The number of samples that are measured at once.
    var evaluationBatchSize: Int { max(batchSize, 256) }

    /// What can be monitored, by name and direction.
    func metricDescriptions(hasValidation: Bool) -> [MetricDescription] {
        let loss = MetricDescription("trainLoss", isHigherBetter: false)
        guard hasValidation else { return [loss] }
        return [loss, MetricDescription("validationLoss", isHigherBetter: false)]
            + metrics.map { MetricDescription($0.name, isHigherBetter: $0.isHigherBetter) }
    }

    /// Refuses settings and data sets that no run can begin with.
    func check(_ train: Dataset, _ validation: Dataset?) throws {
        guard batchSize > 0 else { throw DataError("the batch size must be positive but is \(batchSize)") }
        guard shards > 0 else { throw DataError("the number of shards must be positive but is \(shards)") }
        guard train.count > 0 else { throw DataError("the training data has no samples") }
        if let validation, validation.count == 0 {
            throw DataError("the validation data has no samples; leave it out instead")
        }
    }

    /// Binds model and techniques to variables by a first pass, which creates those that are not loaded.
    ///
    /// - Parameters:
    ///   - input: a batch of inputs of the shape to train on.
    ///   - seed: the random seed.
    ///   - stepsPerEpoch: the number of steps in an epoch.
    ///   - loaded: variables from a file.
    ///   - setting: what to check the composition for; nil for predictions alone, which need no penalties either.
    /// - Throws: ``TechniqueError`` for a mistake of a technique in the first pass, ``CompositionError`` if the composition
    ///   or a parameter group has a mistake.
    func bind(
        to input: Tensor, seed: UInt64, stepsPerEpoch: Int = 1, loaded: LoadedVariables? = nil,
        checking setting: CheckedSetting?
    ) throws -> BoundTrainer {
        let table = HookTable(composition.techniques)
        let tree = ScopeTree(seed: seed, interceptors: table.interceptors, observed: table.observed, loaded: loaded)
        let model = BoundModel(self.model, tree: tree, techniques: table.techniques.map(\.name))
        let state = RunState(
            ParameterValues(), StateValues(), stepsPerEpoch: stepsPerEpoch, penalties: table.penalties.count)
        var checked: (context: CompositionContext, warnings: [Diagnostic])?
        try model.declare(with: input, state.parameters, state.states) { output, pass in
            setGroups(of: model, state)
            guard let setting else { return }
            let context = context(table, model, setting)
            checked = (
                context, try CompositionValidator(context, model, silencing: silencedWarnings).check()
            )
            // Penalties may have parameters of their own. Only shapes count, so any targets do.
            let batch = Batch(input: input, target: exampleTarget(for: output))
            let penalties = PenaltyCalls(self, table, model)
            for position in table.penalties.indices { _ = try penalties(position, batch, output, pass) }
        }
        setGroups(of: model, state)
        if setting != nil { try checkGroups(of: model) }
        state.slots = ContiguousArray(
            model.tree.layout.parameters.map { parameter in
                optimizer.slots.map { slot in
                    loaded?.take("optimizer/\(slot)/\(parameter.path)", parameter.shape) ?? .zeros(parameter.shape)
                }
            })
        return BoundTrainer(
            table: table, model: model, state: state, step: TrainingStep(self, table, model, state), checked: checked)
    }

    /// Targets of the shape and type that the loss takes for an output.
    private func exampleTarget(for output: Tensor) -> Tensor {
        guard loss.target == .classes else { return .zeros(output.shape) }
        let shape = Shape(output.shape.dropLast())
        return Tensor(integers: Array(repeating: 0, count: shape.elementCount), shape: shape)
    }

    private func setGroups(of model: BoundModel, _ state: RunState) {
        let layout = model.tree.layout
        let scales = layout.parameters.indices.map { index in
            groups.last { layout.matches($0.parameters, index) }?.learningRateScale ?? 1
        }
        layout.setLearningRateScales(ContiguousArray(scales))
        state.parameters.frozen = layout.frozen
    }

    private func checkGroups(of model: BoundModel) throws {
        let layout = model.tree.layout
        let indices = layout.parameters.indices
        var problems = groups.filter { group in !indices.contains { layout.matches(group.parameters, $0) } }.map {
            group in
            Diagnostic(
                .error, "no-such-parameter", technique: "groups",
                message: "the parameter group \(group.parameters) matches no parameter",
                suggestion: "choose among: \(layout.parameters.map(\.path).joined(separator: ", "))")
        }
        if !indices.isEmpty, indices.allSatisfy(layout.isFrozen) {
            problems.append(
                Diagnostic(
                    .error, "all-frozen", technique: "groups", message: "all parameters are frozen",
                    suggestion: "leave some of them to train"))
        }
        guard problems.isEmpty else { throw CompositionError(diagnostics: problems) }
    }

    /// What techniques may know of a run, to check it.
    private func context(
        _ table: HookTable, _ model: BoundModel, _ setting: CheckedSetting
    ) -> CompositionContext {
        CompositionContext(
            table, model, loss: loss, metrics: metricDescriptions(hasValidation: setting.hasValidation),
            optimizer: optimizer, hasValidation: setting.hasValidation, epochs: setting.epochs, batchSize: batchSize,
            shards: shards, sampleCount: setting.sampleCount)
    }
}
