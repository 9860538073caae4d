internal import CKernels
internal import Tensors

/// Makes the steps of a run: one forward pass, one way back, one update, with the hooks in between.
final class Stepper {
    private let loss: Loss
    private let optimizer: any Optimizer
    private let fused: (any FusedOptimizer)?
    private let runner: ModelRunner
    private let execution: Execution
    private let store: VariableStore
    private let tape = Tape()

    private let batchWrappers: [(index: Int, technique: any ForwardWrapper, frame: Frame)]
    private let penalties: [(index: Int, technique: any LossPenalty, frame: Frame)]
    private let gradientTransforms: [(index: Int, technique: any GradientTransform, frame: Frame)]
    private let updateTransforms: [(index: Int, technique: any GradientTransform, frame: Frame)]
    let callbacks: [(index: Int, technique: any EpochCallback, frame: Frame)]

    /// The sum of each penalty over the steps of the epoch.
    var penaltySums: [Double]
    private var segments: ContiguousArray<ballast_segment> = []
    private var gradients: ContiguousArray<Tensor?> = []

    init(_ trainer: Trainer, _ runner: ModelRunner) {
        loss = trainer.loss
        optimizer = trainer.optimizer
        fused = trainer.optimizer as? any FusedOptimizer
        self.runner = runner
        execution = runner.execution
        store = runner.execution.store
        let execution = runner.execution
        let places = trainer.composition.techniques.enumerated().map { index, technique in
            (index, technique, Frame(execution: execution, path: technique.name, name: technique.name, kind: "technique", separator: "/"))
        }
        func conforming<T>(_ cast: (any Technique) -> T?) -> [(index: Int, technique: T, frame: Frame)] {
            places.compactMap { index, technique, frame in cast(technique).map { (index, $0, frame) } }
        }
        batchWrappers = conforming { ($0 as? any ForwardWrapper).flatMap { $0.sites.contains(.batch) ? $0 : nil } }
        penalties = conforming { $0 as? any LossPenalty }
        let transforms = conforming { $0 as? any GradientTransform }
        gradientTransforms = transforms.filter { $0.technique.stage == .gradient }
        updateTransforms = transforms.filter { $0.technique.stage == .update }
        callbacks = conforming { $0 as? any EpochCallback }
        penaltySums = Array(repeating: 0, count: penalties.count)
        tape.meter = { [unowned execution] owner, time in execution.costs.add(time, owner: Int(owner)) }
    }

    /// Gives each parameter the tensors that the optimizer keeps for it.
    func declareSlots() {
        for index in store.parameters.indices {
            let parameter = store.parameters[index]
            store.parameters[index].slots = optimizer.slots.map { slot in
                let path = "optimizer/\(slot)/\(parameter.path)"
                if let loaded = store.loaded.removeValue(forKey: path) {
                    if loaded.shape == parameter.value.shape { return loaded }
                    execution.problems.append("\"\(path)\" has shape \(loaded.shape) in the file, but needs \(parameter.value.shape)")
                } else if store.expectsLoaded {
                    execution.problems.append("\"\(path)\" is not in the file")
                }
                return Tensor.zeros(parameter.value.shape)
            }
        }
        gradients = ContiguousArray(repeating: nil, count: store.parameters.count)
        tape.reset(leafCount: store.parameters.count)
    }

    // MARK: A step

    /// Makes a step, and returns the loss of the data.
    func step(_ batch: Batch) throws -> Double {
        execution.drawIndex = execution.globalStep
        let isMeasured = CostMeter.measures(step: execution.globalStep)
        let start: ContinuousClock.Instant? = isMeasured ? .now : nil
        execution.costs.isMeasuring = isMeasured
        let (states, numbers) = (store.states, store.numbers)
        do {
            let value = try advance(batch)
            if let start { execution.costs.endStep(ContinuousClock.now - start) }
            return value
        } catch {
            store.states = states
            store.numbers = numbers
            throw error
        }
    }

    private func advance(_ batch: Batch) throws -> Double {
        let batch = transformed(batch)
        execution.phase = .training
        execution.tape = tape
        defer {
            execution.phase = .evaluation
            execution.tape = nil
            tape.reset(leafCount: store.parameters.count)
        }
        let value = try objective(batch, countsPenalties: true)
        if gradientTransforms.isEmpty, updateTransforms.isEmpty {
            try updatePlainly()
        } else {
            try updateThroughTransforms(batch)
        }
        return value
    }

    private func transformed(_ batch: Batch) -> Batch {
        var batch = batch
        for (index, technique, frame) in batchWrappers {
            frame.rewind()
            batch = execution.metered(index, .forwardWrapper) {
                technique.forwardWrapper(batch, in: BatchContext(scope: Scope(frame)))
            }
        }
        return batch
    }

    /// Runs the model and the way back of the data's loss and all penalties; returns the loss.
    private func objective(_ batch: Batch, countsPenalties: Bool) throws -> Double {
        let output = runner.forward(batch.input)
        let loss = loss(output, batch.target)
        let value = loss.item
        guard value.isFinite else { throw Diagnosis(runner, execution).badLoss(value, batch) }
        guard let tape = execution.tape else { return Double(value) }
        tape.seed(loss)
        for position in penalties.indices {
            let (index, technique, frame) = penalties[position]
            frame.rewind()
            let context = StepContext(scope: Scope(frame), batch: batch, output: output)
            let penalty = execution.metered(index, .lossPenalty) {
                technique.lossPenalty(Parameters(execution: execution, indices: store.indices(.all)), in: context)
            }
            let value = penalty.item
            guard value.isFinite else {
                throw TrainingError(
                    "step \(execution.globalStep) (epoch \(execution.epoch)): the penalty of \"\(technique.name)\" (hook lossPenalty) is \(value). The variables are those of the last good step; lower the penalty's strength or the learning rate")
            }
            tape.seed(penalty)
            if countsPenalties { penaltySums[position] += Double(value) }
        }
        tape.backward()
        return Double(value)
    }

    func takePenalties(steps: Int) -> [NamedValue] {
        guard !penalties.isEmpty else { return [] }
        let values = penalties.indices.map { NamedValue(penalties[$0].technique.name, penaltySums[$0] / Double(steps)) }
        for index in penaltySums.indices { penaltySums[index] = 0 }
        return values
    }

    // MARK: Updates

    /// No technique looks at gradients or updates: one call changes all parameters in place.
    private func updatePlainly() throws {
        for index in gradients.indices {
            let (dense, decay) = tape.takeGradient(ofLeaf: index)
            setSegment(index, dense: dense, scale: 1, decay: decay, shrink: 0)
        }
        try update()
    }

    private func updateThroughTransforms(_ batch: Batch) throws {
        var dense: [Tensor?] = []
        var own: ContiguousArray<Float> = []
        for index in gradients.indices {
            let gradient = tape.takeGradient(ofLeaf: index)
            dense.append(gradient.dense)
            own.append(gradient.decay)
        }
        var current = Gradients(execution: execution, source: GradientSource(gradients: dense), own: own)
        if !gradientTransforms.isEmpty {
            current = apply(gradientTransforms, to: current, batch)
        }
        for index in gradients.indices {
            let part = current.parts(index)
            setSegment(index, dense: part.dense, scale: part.scale, decay: part.own, shrink: 0)
        }
        guard !updateTransforms.isEmpty else { return try update() }
        try requireFiniteGradients()

        let source = GradientSource { [unowned self] in self.makeUpdates() }
        let updates = apply(updateTransforms, to: Gradients(execution: execution, source: source), batch)
        if updates.isPlain {
            for index in segments.indices { segments[index].shrink = updates.factors[index].own }
            applyOptimizer()
        } else {
            for index in gradients.indices {
                let part = updates.parts(index)
                setSegment(index, dense: part.dense, scale: part.scale, decay: 0, shrink: part.own)
            }
            try requireFiniteGradients()
            segments.withUnsafeMutableBufferPointer { if let base = $0.baseAddress { ballast_apply_updates($0.count, base) } }
        }
        releaseGradients()
    }

    private func apply(
        _ transforms: [(index: Int, technique: any GradientTransform, frame: Frame)], to gradients: Gradients,
        _ batch: Batch
    ) -> Gradients {
        var gradients = gradients
        for (index, technique, frame) in transforms {
            frame.rewind()
            let context = GradientContext(scope: Scope(frame)) { [unowned self] in self.gradients(at: $0, batch) }
            gradients = execution.metered(index, .gradientTransform) {
                technique.gradientTransform(gradients, in: context)
            }
        }
        return gradients
    }

    private func setSegment(_ index: Int, dense: Tensor?, scale: Float, decay: Float, shrink: Float) {
        store.parameters[index].value.makeUnique()
        let gradient = dense ?? Tensor.zeros(store.parameters[index].value.shape)
        gradients[index] = gradient
        for slot in store.parameters[index].slots.indices { store.parameters[index].slots[slot].makeUnique() }
        let slots = store.parameters[index].slots
        let segment = ballast_segment(
            parameter: store.parameters[index].value.storage.floats, gradient: UnsafePointer(gradient.storage.floats),
            update: nil, first: slots.first?.storage.floats, second: slots.count > 1 ? slots[1].storage.floats : nil,
            count: gradient.elementCount, gradient_scale: scale, decay: decay, shrink: shrink)
        if index < segments.count { segments[index] = segment } else { segments.append(segment) }
    }

    private func update() throws {
        try requireFiniteGradients()
        applyOptimizer()
        releaseGradients()
    }

    private func releaseGradients() {
        for index in gradients.indices { gradients[index] = nil }
    }

    private func requireFiniteGradients() throws {
        var bad = 0
        let isFinite = segments.withUnsafeBufferPointer { segments in
            segments.baseAddress.map { ballast_gradients_finite(segments.count, $0, &bad) } ?? true
        }
        guard !isFinite else { return }
        releaseGradients()
        throw Diagnosis(runner, execution).badGradient(of: store.parameters[bad].path, transforms: gradientTransforms.map(\.technique.name))
    }

    private var optimizerStep: OptimizerStep {
        OptimizerStep(learningRate: execution.learningRate, index: execution.globalStep)
    }

    /// Changes all parameters by the segments, in place.
    private func applyOptimizer() {
        if let fused {
            segments.withUnsafeMutableBufferPointer { fused.update($0, at: optimizerStep) }
            return
        }
        let updates = makeUpdates()
        for index in updates.indices {
            segments[index].gradient = UnsafePointer(updates[index].storage.floats)
            segments[index].gradient_scale = 1
            segments[index].decay = 0
        }
        segments.withUnsafeMutableBufferPointer { if let base = $0.baseAddress { ballast_apply_updates($0.count, base) } }
    }

    /// Works out the updates of all parameters without changing these.
    private func makeUpdates() -> [Tensor] {
        if let fused {
            let updates = gradients.indices.map { Tensor(uninitialized: store.parameters[$0].value.shape) }
            for index in updates.indices { segments[index].update = updates[index].storage.floats }
            segments.withUnsafeMutableBufferPointer { fused.update($0, at: optimizerStep) }
            for index in updates.indices { segments[index].update = nil }
            return updates
        }
        return gradients.indices.map { index in
            let (segment, parameter) = (segments[index], store.parameters[index].value)
            var gradient = gradients[index] ?? Tensor.zeros(parameter.shape)
            if segment.gradient_scale != 1 { gradient = gradient * segment.gradient_scale }
            if segment.decay != 0 { gradient = gradient + parameter * segment.decay }
            let update = optimizer.update(
                gradient, of: parameter, slots: &store.parameters[index].slots, at: optimizerStep)
            guard update.shape == parameter.shape else {
                fail("optimizer", "the update of \"\(store.parameters[index].path)\" has shape \(update.shape), not \(parameter.shape)")
            }
            return update.detached
        }
    }

    /// The gradients of a batch's objective at other parameter values, leaving everything else as it is.
    private func gradients(at values: [Tensor], _ batch: Batch) -> Gradients {
        guard values.count == store.parameters.count else {
            fail("gradients(at:)", "\(values.count) values were given for \(store.parameters.count) parameters")
        }
        let own = store.parameters.map(\.value)
        let (outerTape, observations) = (execution.tape, execution.observations)
        let inner = Tape()
        inner.reset(leafCount: own.count)
        for index in own.indices {
            guard values[index].shape == own[index].shape else {
                fail("gradients(at:)", "\"\(store.parameters[index].path)\" has shape \(own[index].shape), not \(values[index].shape)")
            }
            store.parameters[index].value = values[index].detached
        }
        execution.tape = inner
        defer {
            inner.reset()
            for index in own.indices { store.parameters[index].value = own[index] }
            execution.tape = outerTape
            execution.observations = observations
        }
        return execution.inPhase(.training, updatesState: false) {
            // A value that is not finite shows in the gradients, which are checked before they are used.
            _ = try? objective(batch, countsPenalties: false)
            var dense: [Tensor?] = []
            for index in own.indices {
                let gradient = inner.takeGradient(ofLeaf: index)
                let base = gradient.dense ?? Tensor.zeros(own[index].shape)
                dense.append(gradient.decay == 0 ? base : base + values[index].detached * gradient.decay)
            }
            return Gradients(execution: execution, source: GradientSource(gradients: dense))
        }
    }
}
