internal import CKernels
internal import Tensors

/// What follows the way back: gradients, through transforms and the optimizer, into parameters.
extension Stepper {
    /// No technique looks at gradients or updates: one call changes all parameters in place.
    func updatePlainly(_ batch: Batch) throws {
        for index in gradients.indices {
            let (dense, decay) = tape.takeGradient(ofLeaf: index)
            setSegment(index, dense: dense, scale: 1, decay: decay, shrink: 0)
        }
        try update(batch)
    }

    func updateThroughTransforms(_ batch: Batch) throws {
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
        guard !updateTransforms.isEmpty else { return try update(batch) }
        try requireFiniteGradients(batch)

        let source = GradientSource { [unowned self] in self.makeUpdates() }
        let updates = apply(updateTransforms, to: Gradients(execution: execution, source: source), batch)
        if updates.isPlain {
            // A transform may have kept a parameter's value: what it kept must not change with the parameter.
            for index in segments.indices {
                ownMemory(index)
                segments[index].shrink = updates.factors[index].own
            }
            applyOptimizer()
        } else {
            // The optimizer reads the segments, so it goes first, also where every update was replaced.
            source.workOut()
            for index in gradients.indices {
                let part = updates.parts(index)
                setSegment(index, dense: part.dense, scale: part.scale, decay: 0, shrink: part.own)
            }
            if let bad = indexOfBadGradient() {
                releaseGradients()
                throw Diagnosis(runner, execution).badUpdate(
                    of: store.parameters[bad].path, transforms: updateTransforms.map(\.technique.name))
            }
            addUpdates(gradients.compactMap { $0 })
        }
        releaseGradients()
    }

    /// Adds updates to the parameters, with the segments' scale and shrink.
    private func addUpdates(_ updates: [Tensor]) {
        for index in updates.indices { segments[index].update = updates[index].storage.floats }
        withExtendedLifetime(updates) {
            segments.withUnsafeMutableBufferPointer {
                if let base = $0.baseAddress { ballast_apply_updates($0.count, base) }
            }
        }
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
        let gradient = dense ?? Tensor.zeros(store.parameters[index].value.shape)
        gradients[index] = gradient
        let segment = ballast_segment(
            parameter: store.parameters[index].value.storage.floats, gradient: UnsafePointer(gradient.storage.floats),
            update: nil, first: nil, second: nil, count: gradient.elementCount, gradient_scale: scale, decay: decay,
            shrink: shrink)
        if index < segments.count { segments[index] = segment } else { segments.append(segment) }
        ownMemory(index)
    }

    /// Makes sure that nobody else holds the memory that a segment is to change in place.
    private func ownMemory(_ index: Int) {
        store.parameters[index].value.makeUnique()
        for slot in store.parameters[index].slots.indices { store.parameters[index].slots[slot].makeUnique() }
        let slots = store.parameters[index].slots
        segments[index].parameter = store.parameters[index].value.storage.floats
        segments[index].first = slots.first?.storage.floats
        segments[index].second = slots.count > 1 ? slots[1].storage.floats : nil
    }

    private func update(_ batch: Batch) throws {
        try requireFiniteGradients(batch)
        applyOptimizer()
        releaseGradients()
    }

    private func releaseGradients() {
        for index in gradients.indices { gradients[index] = nil }
    }

    private func indexOfBadGradient() -> Int? {
        var bad = 0
        let isFinite = segments.withUnsafeBufferPointer { segments in
            segments.baseAddress.map { ballast_gradients_finite(segments.count, $0, &bad) } ?? true
        }
        return isFinite ? nil : bad
    }

    private func requireFiniteGradients(_ batch: Batch) throws {
        guard let bad = indexOfBadGradient() else { return }
        releaseGradients()
        throw Diagnosis(runner, execution).badGradient(
            of: store.parameters[bad].path, culprit: culprit(of: bad, batch),
            transforms: gradientTransforms.map(\.technique.name))
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
            // The optimizer may have kept the parameter's value in a slot.
            ownMemory(index)
            segments[index].gradient_scale = 1
        }
        addUpdates(updates)
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
                fail(
                    "optimizer",
                    "the update of \"\(store.parameters[index].path)\" has shape \(update.shape), not \(parameter.shape)"
                )
            }
            return update.detached
        }
    }
}
