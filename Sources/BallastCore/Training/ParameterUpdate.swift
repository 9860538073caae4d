internal import CKernels
internal import Tensors

/// What follows the backward pass: gradients, through transforms and the optimizer, into parameters.
final class ParameterUpdate {
    private let optimizer: any Optimizer
    /// Updates many parameters in one pass; nil for an optimizer that takes them one by one.
    private let fused: ((UnsafeMutableBufferPointer<ballast_segment>, OptimizerStep) -> Void)?
    private let table: HookTable
    private let stages: [GradientStage: [HookTable.Entry<any GradientTransform>]]
    private let model: BoundModel
    private let state: RunState
    private let tape: Tape
    /// The trained parameters, those of one learning rate one after the other.
    private let trained: [Int]
    /// The parts of `trained` that have one learning rate, and what it is times the optimizer's.
    private let groups: [(range: Range<Int>, scale: Float)]
    private var segments: ContiguousArray<ballast_segment> = []
    /// The dense gradients that transforms left, which segments point to while they are used.
    private var dense: ContiguousArray<Tensor> = []

    private var layout: VariableLayout { model.tree.layout }

    init(_ optimizer: any Optimizer, _ table: HookTable, _ model: BoundModel, _ state: RunState, _ tape: Tape) {
        self.optimizer = optimizer
        self.table = table
        self.model = model
        self.state = state
        self.tape = tape
        if let optimizer = optimizer as? any FusedOptimizer {
            fused = { optimizer.update($0, at: $1) }
        } else if let optimizer = optimizer as? any ElementwiseOptimizer, optimizer.slots.count <= 2 {
            fused = { optimizer.update($0, at: $1) }
        } else {
            fused = nil
        }
        stages = Dictionary(grouping: table.gradientTransforms) { $0.technique.stage }
        let layout = model.tree.layout
        let indices = layout.parameters.indices.filter { !layout.isFrozen($0) }
        var trained: [Int] = []
        var groups: [(range: Range<Int>, scale: Float)] = []
        for scale in Set(indices.map(layout.learningRateScale)).sorted(by: >) {
            let mine = indices.filter { layout.learningRateScale($0) == scale }
            groups.append((trained.count..<trained.count + mine.count, scale))
            trained += mine
        }
        self.trained = trained
        self.groups = groups
    }

    private var hasTransforms: Bool { !table.gradientTransforms.isEmpty }

    /// Updates the parameters by the gradients on the tape.
    ///
    /// - Parameters:
    ///   - info: the step.
    ///   - record: that of the step's pass.
    ///   - gradientsAt: the gradients of the step's objective at other values.
    ///   - culprit: which term makes the gradient of a parameter what is not finite.
    func callAsFunction(
        _ info: StepInfo, _ record: PassRecord, gradientsAt: @escaping (ParameterValues) throws -> [Tensor],
        culprit: (Int) -> String?
    ) throws {
        let step = OptimizerStep(learningRate: info.learningRate, index: info.globalStep)
        guard step.learningRate.isFinite, step.learningRate >= 0 else {
            throw Diagnosis(model, state, info).badLearningRate()
        }
        guard fused != nil, !hasTransforms else {
            return try updateThroughTransforms(step, info, record, gradientsAt, culprit)
        }
        for (position, index) in trained.enumerated() {
            let memory = tape.gradientMemory(ofLeaf: index, shape: state.parameters.values[index].shape)
            setSegment(position, index, memory, foldedGradient(index))
        }
        try requireFiniteGradients(info, culprit)
        record.partBegan?("Optimizer")
        applyOptimizer(step)
    }

    private func foldedGradient(_ index: Int) -> FoldedGradient {
        let terms = tape.foldedGradient(ofLeaf: index)
        return FoldedGradient(weightDecay: terms.weightDecay, l1: terms.l1)
    }

    private func updateThroughTransforms(
        _ step: OptimizerStep, _ info: StepInfo, _ record: PassRecord,
        _ gradientsAt: @escaping (ParameterValues) throws -> [Tensor], _ culprit: (Int) -> String?
    ) throws {
        defer { dense.removeAll(keepingCapacity: true) }
        let diagnosis = Diagnosis(model, state, info)
        let leaves = layout.parameters.indices
        let gradients = try apply(
            .gradient,
            to: GradientSet(
                .gradient, layout, state.parameters, DenseSource(gradients: leaves.map(tape.takeGradient(ofLeaf:))),
                folded: ContiguousArray(leaves.map(foldedGradient))), info, record, gradientsAt)
        if let bad = gradients.indexOfBadCoefficient { throw badGradient(bad, info, culprit) }
        for (position, index) in trained.enumerated() {
            dense.append(gradients.dense(index))
            setSegment(position, index, dense[position].storage.floats, gradients.gradients[index])
        }
        try requireFiniteGradients(info, culprit)

        let source = DenseSource { [unowned self] in
            record.partBegan?("Optimizer")
            return self.makeUpdates(step)
        }
        let updates: GradientSet
        do {
            updates = try apply(
                .update, to: GradientSet(.update, layout, state.parameters, source), info, record, gradientsAt)
        } catch {
            throw TrainingError(error, leavesOptimizerAhead: source.isMaterialized)
        }
        let names = names(at: .update)
        // The optimizer's memory has not moved yet if no transform has looked at what it makes.
        if let bad = updates.indexOfBadCoefficient {
            throw diagnosis.badUpdate(of: layout.parameters[bad].path, names, isAhead: source.isMaterialized)
        }
        if updates.isDeferred {
            for (position, index) in trained.enumerated() {
                // A transform may have kept a parameter's value: what it kept must not change with the parameter.
                ownMemory(position, index)
                segments[position].shrink = updates.updates[index].decoupledDecay
                segments[position].threshold = updates.updates[index].softThreshold
            }
            record.partBegan?("Optimizer")
            applyOptimizer(step)
        } else {
            // The optimizer reads the segments, so it goes first, also where every update was replaced.
            source.materialize()
            dense.removeAll(keepingCapacity: true)
            for (position, index) in trained.enumerated() {
                let folded = updates.updates[index]
                dense.append(updates.dense(index))
                setSegment(position, index, dense[position].storage.floats, FoldedGradient(scale: folded.scale))
                segments[position].shrink = folded.decoupledDecay
                segments[position].threshold = folded.softThreshold
            }
            if let bad = indexOfBadGradient() {
                throw diagnosis.badUpdate(of: layout.parameters[trained[bad]].path, names, isAhead: true)
            }
            addUpdates(Array(dense))
        }
        try replaceApplied(info, record, gradientsAt)
    }

    /// Lets the transforms of the last stage see, and replace, the new values.
    private func replaceApplied(
        _ info: StepInfo, _ record: PassRecord, _ gradientsAt: @escaping (ParameterValues) throws -> [Tensor]
    ) throws {
        guard stages[.applied] != nil else { return }
        let none = DenseSource(gradients: [])
        let result: GradientSet
        do {
            result = try apply(
                .applied, to: GradientSet(.applied, layout, state.parameters, none), info, record, gradientsAt)
        } catch {
            throw TrainingError(error, leavesOptimizerAhead: true)
        }
        guard !result.replaced.isEmpty else { return }
        for index in trained {
            guard let value = result.replaced[index] else { continue }
            guard value.isFinite else {
                throw Diagnosis(model, state, info).badValue(of: layout.parameters[index].path, names(at: .applied))
            }
            state.parameters.values[index] = value
        }
    }

    private func names(at stage: GradientStage) -> [String] { (stages[stage] ?? []).map(\.technique.name) }

    private func apply(
        _ stage: GradientStage, to set: GradientSet, _ info: StepInfo, _ record: PassRecord,
        _ gradientsAt: @escaping (ParameterValues) throws -> [Tensor]
    ) throws -> GradientSet {
        guard let entries = stages[stage] else { return set }
        record.partBegan?(".\(stage.rawValue)")
        let pass = Pass(
            .training, parameters: state.parameters, states: state.states, writesState: true,
            draw: .step(info.globalStep), info: info, record: record)
        var set = set
        for entry in entries {
            let name = entry.technique.name
            let selection = layout.indices(entry.technique.parameters)
            let given = Gradients(set, selection, pass, technique: name)
            let returned = pass.call(entry.index, .gradientTransform, at: model.techniqueNodes[entry.index]) { scope in
                entry.technique.gradientTransform(
                    given,
                    in: GradientContext(scope: scope) { [layout, state] values in
                        gradients(at: values, given, layout, state.parameters, name, gradientsAt)
                    })
            }
            try record.throwFailure()
            guard returned.selection == selection, returned.set.stage == stage else {
                throw TechniqueError(
                    name, .gradientTransform, at: ".\(stage.rawValue)",
                    "returned \(returned.count) gradients of the stage .\(returned.set.stage.rawValue), but was handed \(selection.count): change a copy of what is handed over, and return it"
                )
            }
            set = merged(returned, into: set)
        }
        return set
    }

    /// What a transform returned, for the parameters that it was handed alone.
    private func merged(_ returned: Gradients, into set: GradientSet) -> GradientSet {
        guard returned.set.source !== set.source else { return returned.set }
        var merged = set
        for index in returned.selection { merged.replace(index, by: returned.set.value(index)) }
        return merged
    }

    // MARK: Segments

    @inline(__always)
    private func setSegment(
        _ position: Int, _ index: Int, _ gradient: UnsafePointer<Float>, _ folded: FoldedGradient
    ) {
        let segment = ballast_segment(
            parameter: state.parameters.values[index].storage.floats, gradient: gradient, update: nil, first: nil,
            second: nil, count: state.parameters.values[index].elementCount, gradient_scale: folded.scale,
            own: folded.weightDecay, sign: folded.l1, shrink: 0, threshold: 0)
        if position < segments.count { segments[position] = segment } else { segments.append(segment) }
        ownMemory(position, index)
    }

    /// Makes sure that nobody else holds the memory that a segment is to change in place.
    @inline(__always)
    private func ownMemory(_ position: Int, _ index: Int) {
        state.parameters.values[index].makeUnique()
        segments[position].parameter = state.parameters.values[index].storage.floats
        let slotCount = state.slots[index].count
        for slot in 0..<slotCount { state.slots[index][slot].makeUnique() }
        segments[position].first = slotCount > 0 ? state.slots[index][0].storage.floats : nil
        segments[position].second = slotCount > 1 ? state.slots[index][1].storage.floats : nil
    }

    private func indexOfBadGradient() -> Int? {
        var bad = 0
        let isFinite = segments.withUnsafeBufferPointer { segments in
            segments.baseAddress.map { ballast_gradients_finite(segments.count, $0, &bad) } ?? true
        }
        return isFinite ? nil : bad
    }

    private func requireFiniteGradients(_ info: StepInfo, _ culprit: (Int) -> String?) throws {
        if let bad = indexOfBadGradient() { throw badGradient(trained[bad], info, culprit) }
    }

    private func badGradient(_ index: Int, _ info: StepInfo, _ culprit: (Int) -> String?) -> TrainingError {
        Diagnosis(model, state, info).badGradient(
            of: layout.parameters[index].path, culprit: culprit(index), names(at: .gradient))
    }

    // MARK: The optimizer

    /// Runs the fused optimizer over the segments, those of one learning rate at a time.
    private func runFused(
        _ fused: (UnsafeMutableBufferPointer<ballast_segment>, OptimizerStep) -> Void, _ step: OptimizerStep
    ) {
        segments.withUnsafeMutableBufferPointer { segments in
            for group in groups {
                fused(
                    UnsafeMutableBufferPointer(rebasing: segments[group.range]),
                    OptimizerStep(learningRate: step.learningRate * group.scale, index: step.index))
            }
        }
    }

    /// Changes all parameters by the segments, in place.
    private func applyOptimizer(_ step: OptimizerStep) {
        if let fused { return runFused(fused, step) }
        let updates = makeUpdates(step)
        for (position, index) in trained.enumerated() {
            // The optimizer may have kept the parameter's value in a slot.
            ownMemory(position, index)
            segments[position].gradient_scale = 1
        }
        addUpdates(trained.map { updates[$0] })
    }

    /// Adds updates to the parameters, with the segments' scale, decay and threshold.
    private func addUpdates(_ updates: [Tensor]) {
        for position in updates.indices { segments[position].update = updates[position].storage.floats }
        withExtendedLifetime(updates) {
            segments.withUnsafeMutableBufferPointer {
                if let base = $0.baseAddress { ballast_apply_updates($0.count, base) }
            }
        }
    }

    /// Computes the updates of all parameters, in the order of the layout, without changing these.
    private func makeUpdates(_ step: OptimizerStep) -> [Tensor] {
        var updates = state.parameters.values.map { layout.frozen.isEmpty ? $0 : Tensor.zeros($0.shape) }
        if let fused {
            for (position, index) in trained.enumerated() {
                updates[index] = Tensor(uninitialized: state.parameters.values[index].shape)
                segments[position].update = updates[index].storage.floats
            }
            runFused(fused, step)
            for position in trained.indices { segments[position].update = nil }
            return Array(updates)
        }
        for (position, index) in trained.enumerated() {
            let (segment, parameter) = (segments[position], state.parameters.values[index])
            let gradient = FoldedGradient(scale: segment.gradient_scale, weightDecay: segment.own, l1: segment.sign)
                .value(dense[position], parameter)
            let update = optimizer.update(
                gradient, of: parameter, slots: &state.slots[index],
                at: OptimizerStep(
                    learningRate: step.learningRate * layout.learningRateScale(index), index: step.index))
            guard update.shape == parameter.shape else {
                fail(
                    "optimizer",
                    "the update of \"\(layout.parameters[index].path)\" has shape \(update.shape), not \(parameter.shape)"
                )
            }
            updates[index] = update.detached
        }
        return Array(updates)
    }
}

/// The gradients at other values of the parameters that a transform was handed; what is wrong ends the step.
private func gradients(
    at values: [Tensor], _ given: Gradients, _ layout: VariableLayout, _ parameters: ParameterValues, _ name: String,
    _ gradientsAt: (ParameterValues) throws -> [Tensor]
) -> Gradients {
    func failed(_ error: any Error) -> Gradients {
        given.pass.record.fail(error)
        return given
    }
    func mistake(_ problem: String) -> Gradients {
        failed(TechniqueError(name, .gradientTransform, at: "gradients(at:)", problem))
    }
    guard values.count == given.count else {
        return mistake("gave \(values.count) values for \(given.count) parameters")
    }
    let other = ParameterValues(parameters.values, frozen: parameters.frozen)
    for (value, index) in zip(values, given.selection) {
        let shape = layout.parameters[index].shape
        guard value.shape == shape else {
            return mistake(
                "gave \"\(layout.parameters[index].path)\" a value of shape \(value.shape), but it has shape \(shape)")
        }
        other.values[index] = value.detached
    }
    do {
        let dense = try gradientsAt(other)
        return Gradients(
            GradientSet(.gradient, layout, parameters, DenseSource(gradients: dense)), given.selection, given.pass,
            technique: name)
    } catch {
        return failed(error)
    }
}
