internal import CKernels
internal import Tensors

/// What follows the backward pass: gradients, through transforms and the optimizer, into parameters.
final class ParameterUpdate {
    private let optimizer: any Optimizer
    /// Updates many parameters in one pass; nil for an optimizer that takes them one by one.
    private let fused: ((UnsafeMutableBufferPointer<ballast_segment>, OptimizerStep) -> Void)?
    private let table: HookTable
    private let transforms: (gradient: Transforms, update: Transforms, applied: Transforms)
    private let model: BoundModel
    private let state: RunState
    private let tape: Tape
    private let record: PassRecord
    /// The indices of the parameters that each technique of the composition is handed.
    private let selections: [[Int]]
    /// The gradients of a step's objective at other values; set by the owner.
    var gradientsAt: (ParameterValues, Batch, StepInfo) throws -> [Tensor] = { _, _, _ in [] }
    /// Which term makes the gradient of a parameter what is not finite; set by the owner.
    var culprit: (Int, Batch, StepInfo) -> String? = { _, _, _ in nil }
    /// The trained parameters, those of one learning rate one after the other.
    private let trained: [Int]
    /// The parts of `trained` that have one learning rate, and what it is times the optimizer's.
    private let groups: [(range: Range<Int>, scale: Float)]
    private var segments: ContiguousArray<ballast_segment> = []
    /// The dense gradients that transforms left, which segments point to while they are used.
    private var dense: ContiguousArray<Tensor> = []

    private typealias Transforms = [HookTable.Entry<any GradientTransform>]
    private var layout: VariableLayout { model.tree.layout }

    init(
        _ optimizer: any Optimizer, _ table: HookTable, _ model: BoundModel, _ state: RunState, _ tape: Tape,
        _ record: PassRecord
    ) {
        self.optimizer = optimizer
        self.table = table
        self.model = model
        self.state = state
        self.tape = tape
        self.record = record
        if let optimizer = optimizer as? any FusedOptimizer {
            fused = { optimizer.update($0, at: $1) }
        } else if let optimizer = optimizer as? any ElementwiseOptimizer, optimizer.slots.count <= 2 {
            fused = { optimizer.update($0, at: $1) }
        } else {
            fused = nil
        }
        transforms = (
            table.transforms(at: .gradient), table.transforms(at: .update), table.transforms(at: .applied)
        )
        let layout = model.tree.layout
        selections = table.techniques.map { technique in
            (technique as? any GradientTransform).map { layout.indices($0.parameters) } ?? []
        }
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

    /// Below this learning rate no update of finite gradients of usual size overflows, so that it needs no check.
    private static let safeLearningRate: Float = 1e6

    private var hasTransforms: Bool { !table.gradientTransforms.isEmpty }

    /// Updates the parameters by the gradients on the tape.
    func callAsFunction(_ batch: Batch, _ info: StepInfo) throws {
        let step = OptimizerStep(learningRate: info.learningRate, index: info.globalStep)
        guard step.learningRate.isFinite, step.learningRate >= 0 else {
            throw Diagnosis(model, state, info).badLearningRate()
        }
        guard let fused, !hasTransforms, step.learningRate < ParameterUpdate.safeLearningRate else {
            return try updateThroughTransforms(step, batch, info)
        }
        for (position, index) in trained.enumerated() {
            let memory = tape.gradientMemory(ofLeaf: index, shape: state.parameters.values[index].shape)
            setSegment(position, index, memory, foldedGradient(index))
        }
        try requireFiniteGradients(batch, info)
        record.partBegan?("Optimizer")
        runFused(fused, step)
    }

    private func foldedGradient(_ index: Int) -> FoldedGradient {
        let terms = tape.foldedGradient(ofLeaf: index)
        return FoldedGradient(weightDecay: terms.weightDecay, l1: terms.l1)
    }

    private func updateThroughTransforms(_ step: OptimizerStep, _ batch: Batch, _ info: StepInfo) throws {
        defer { dense.removeAll(keepingCapacity: true) }
        let leaves = layout.parameters.indices
        let gradients = try apply(
            transforms.gradient,
            to: GradientSet(
                .gradient, layout, state.parameters, DenseSource(gradients: leaves.map(tape.takeGradient(ofLeaf:))),
                folded: ContiguousArray(leaves.map(foldedGradient))), batch, info)
        if let bad = gradients.indexOfBadCoefficient { throw badGradient(bad, batch, info) }
        for (position, index) in trained.enumerated() {
            dense.append(gradients.dense(index))
            setSegment(position, index, dense[position].storage.floats, gradients.gradients[index])
        }
        try requireFiniteGradients(batch, info)

        let source = DenseSource { [unowned self] in
            record.partBegan?("Optimizer")
            return self.makeUpdates(step)
        }
        let updates: GradientSet
        do {
            updates = try apply(
                transforms.update, to: GradientSet(.update, layout, state.parameters, source), batch, info)
        } catch {
            throw TrainingError(error, leavesOptimizerAhead: source.isMaterialized)
        }
        // The optimizer's memory has not moved yet if no transform has looked at what it makes.
        if let bad = updates.indexOfBadCoefficient {
            throw badUpdate(bad, info, isAhead: source.isMaterialized)
        }
        if updates.isDeferred, let fused, step.learningRate < ParameterUpdate.safeLearningRate {
            for (position, index) in trained.enumerated() {
                // A transform may have kept a parameter's value: what it kept must not change with the parameter.
                ownMemory(position, index)
                segments[position].decoupled_decay = updates.updates[index].decoupledDecay
                segments[position].soft_threshold = updates.updates[index].softThreshold
            }
            record.partBegan?("Optimizer")
            runFused(fused, step)
        } else {
            // The optimizer reads the segments, so it goes first, also where every update was replaced.
            source.materialize()
            dense.removeAll(keepingCapacity: true)
            for (position, index) in trained.enumerated() {
                let folded = updates.updates[index]
                dense.append(updates.dense(index))
                setSegment(position, index, dense[position].storage.floats, FoldedGradient(scale: folded.scale))
                segments[position].decoupled_decay = folded.decoupledDecay
                segments[position].soft_threshold = folded.softThreshold
            }
            if let bad = indexOfBadGradient() { throw badUpdate(trained[bad], info, isAhead: true) }
            try addCheckedUpdates(Array(dense), step, info)
        }
        try replaceApplied(batch, info)
    }

    /// Lets the transforms of the last stage see, and replace, the new values.
    private func replaceApplied(_ batch: Batch, _ info: StepInfo) throws {
        guard !transforms.applied.isEmpty else { return }
        let none = DenseSource(gradients: [])
        let result: GradientSet
        do {
            result = try apply(
                transforms.applied, to: GradientSet(.applied, layout, state.parameters, none), batch, info)
        } catch {
            throw TrainingError(error, leavesOptimizerAhead: true)
        }
        guard !result.replaced.isEmpty else { return }
        for index in trained {
            guard let value = result.replaced[index] else { continue }
            guard value.isFinite else {
                throw Diagnosis(model, state, info).badValue(
                    of: layout.parameters[index].path, transforms.applied.map(\.technique.name))
            }
            state.parameters.values[index] = value
        }
    }

    private func badUpdate(_ index: Int, _ info: StepInfo, isAhead: Bool) -> TrainingError {
        Diagnosis(model, state, info).badUpdate(
            of: layout.parameters[index].path, transforms.update.map(\.technique.name), isAhead: isAhead)
    }

    private func apply(
        _ entries: Transforms, to set: GradientSet, _ batch: Batch, _ info: StepInfo
    ) throws -> GradientSet {
        guard !entries.isEmpty else { return set }
        let stage = set.stage
        record.partBegan?(".\(stage.rawValue)")
        let pass = Pass(
            .training, parameters: state.parameters, states: state.states, writesState: true,
            draw: .step(info.globalStep), info: info, record: record)
        var set = set
        for entry in entries {
            let name = entry.technique.name
            let selection = selections[entry.index]
            let given = Gradients(set, selection, pass, technique: name)
            let returned = pass.call(entry.index, .gradientTransform, at: model.techniqueNodes[entry.index]) { scope in
                entry.technique.gradientTransform(
                    given,
                    in: GradientContext(scope: scope) { [layout, state, gradientsAt] values in
                        gradients(at: values, given, layout, state.parameters, name) {
                            try gradientsAt($0, batch, info)
                        }
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
            weight_decay: folded.weightDecay, l1: folded.l1, decoupled_decay: 0, soft_threshold: 0)
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

    private func requireFiniteGradients(_ batch: Batch, _ info: StepInfo) throws {
        if let bad = indexOfBadGradient() { throw badGradient(trained[bad], batch, info) }
    }

    private func badGradient(_ index: Int, _ batch: Batch, _ info: StepInfo) -> TrainingError {
        Diagnosis(model, state, info).badGradient(
            of: layout.parameters[index].path, culprit: culprit(index, batch, info),
            transforms.gradient.map(\.technique.name))
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

    /// Adds updates to the parameters, with the segments' scale, decay and threshold.
    private func addUpdates(_ updates: [Tensor]) {
        for position in updates.indices { segments[position].update = updates[position].storage.floats }
        withExtendedLifetime(updates) {
            segments.withUnsafeMutableBufferPointer {
                if let base = $0.baseAddress { ballast_apply_updates($0.count, base) }
            }
        }
    }

    /// Adds updates that are finite; where a sum may overflow, goes back to the parameters before if one does.
    private func addCheckedUpdates(_ updates: [Tensor], _ step: OptimizerStep, _ info: StepInfo) throws {
        guard step.learningRate >= ParameterUpdate.safeLearningRate else { return addUpdates(updates) }
        let old = trained.map { state.parameters.values[$0] }
        for (position, index) in trained.enumerated() { ownMemory(position, index) }
        addUpdates(updates)
        guard let bad = trained.first(where: { !state.parameters.values[$0].isFinite }) else { return }
        for (value, index) in zip(old, trained) { state.parameters.values[index] = value }
        throw badUpdate(bad, info, isAhead: true)
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
            return updates
        }
        for (position, index) in trained.enumerated() {
            let (segment, parameter) = (segments[position], state.parameters.values[index])
            let gradient = FoldedGradient(
                scale: segment.gradient_scale, weightDecay: segment.weight_decay, l1: segment.l1
            )
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
        return updates
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
