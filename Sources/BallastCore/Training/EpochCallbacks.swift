internal import Tensors

/// Calls the callbacks of a composition at the end of an epoch.
struct EpochCallbacks {
    private let run: Run
    private let info: StepInfo
    private let pass: Pass
    private let metrics: [MetricDescription]

    /// - Parameter writesState: whether an epoch ends; in the middle of one, what callbacks keep stays as it is.
    init(_ run: Run, _ info: StepInfo, writesState: Bool = true) {
        self.run = run
        self.info = info
        let record = PassRecord()
        record.costs = run.trainingStep.costs
        _ = record.costs?.charge(CostMeter.model)
        pass = Pass(
            .evaluation, parameters: run.state.parameters, states: run.state.states, writesState: writesState,
            draw: .step(info.globalStep), info: info, record: record)
        metrics = run.trainer.metricDescriptions(hasValidation: run.validation != nil)
    }

    private var entries: [HookTable.Entry<any EpochCallback>] { run.trainingStep.table.callbacks }

    /// The variables that predictions depend on.
    private var currentVariables: Variables {
        run.model.tree.variables(run.state.parameters, run.state.states, isForEvaluation: true)
    }

    private func context(_ scope: Scope, validated: Variables) -> EpochContext {
        EpochContext(scope: scope, epochs: run.epochs, metrics: metrics, validatedVariables: validated) {
            try run.refreshedStatistics(of: $0, info)
        }
    }

    private func call<R>(_ entry: HookTable.Entry<any EpochCallback>, _ body: (Scope) -> R) throws -> R {
        let result = pass.call(entry.index, .epochCallback, at: run.model.techniqueNodes[entry.index], body)
        try pass.record.throwFailure()
        return result
    }

    private func check(_ variables: Variables?, of technique: String) throws {
        let problems = variables.map { run.model.tree.problems(with: $0) } ?? []
        guard problems.isEmpty else {
            throw TechniqueError(
                technique, .epochCallback, "returned variables that do not fit: \(problems.joined(separator: "; "))")
        }
        if let bad = variables?.parameters.first(where: { !$0.value.isFinite }) {
            throw TechniqueError(technique, .epochCallback, "returned \"\(bad.path)\" with a value that is not finite")
        }
    }

    /// The variables to validate, of what predictions depend on; nil for the run's own.
    func variablesForValidation() throws -> Variables? {
        var chosen: Variables?
        for entry in entries {
            let variables = try call(entry) {
                entry.technique.variablesForValidation(in: context($0, validated: currentVariables))
            }
            guard let variables else { continue }
            try check(variables, of: entry.technique.name)
            let values = run.model.tree.values(variables, over: run.state.parameters, run.state.states)
            chosen = run.model.tree.variables(values.parameters, values.states, isForEvaluation: true)
        }
        return chosen
    }

    /// Calls all callbacks, applies what they decide, and returns why the run is to stop, if it is.
    func callBack(_ record: inout EpochRecord, validated: Variables?) throws -> RunEnd? {
        var end: RunEnd?
        let state = run.state
        // What a callback replaces was not validated.
        let validated = validated ?? currentVariables
        for entry in entries {
            run.trainingStep.record.partBegan?("EpochCallback")
            let name = entry.technique.name
            let decision = try call(entry) { [record] scope in
                entry.technique.epochCallback(record, in: context(scope, validated: validated))
            }
            try check(decision.variables, of: name)
            try check(decision.finalVariables, of: name)
            if let factor = decision.learningRateFactor {
                guard factor.isFinite, factor >= 0 else {
                    throw TechniqueError(
                        name, .epochCallback,
                        "scales the learning rate by \(factor); the factor must be finite and not negative")
                }
                state.learningRateFactor *= factor
            }
            if let reason = decision.stopReason, end == nil { end = .stopped(by: name, reason: reason) }
            if let variables = decision.variables {
                run.model.tree.assign(variables, to: state.parameters, state.states)
            }
            if let final = decision.finalVariables { state.finalVariables[name] = final }
        }
        return end
    }
}

extension Run {
    /// The variables with running statistics estimated anew on the training data.
    func refreshedStatistics(of variables: Variables, _ info: StepInfo) throws -> Variables {
        let tree = model.tree
        let values = tree.values(variables, over: state.parameters, state.states)
        let record = PassRecord()
        for (index, batch) in train.batches(ofSize: trainer.batchSize).enumerated() {
            record.reset()
            let pass = Pass(
                .training, parameters: values.parameters, states: values.states, writesState: true,
                draw: .statistics(index), info: info, record: record)
            _ = model.run(batch.input, in: pass)
            try record.throwFailure()
        }
        return tree.variables(values.parameters, values.states, isForEvaluation: true)
    }
}
