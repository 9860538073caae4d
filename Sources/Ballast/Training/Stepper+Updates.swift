internal import CKernels
internal import Tensors

/// What follows the way back: gradients, through transforms and the optimizer, into parameters.
extension Stepper {
    /// No technique looks at gradients or updates: one call changes all parameters in place.
    func updatePlainly(_ batch: Batch) throws {
        for index in store.parameters.indices {
            let memory = tape.gradientMemory(ofLeaf: index, shape: store.parameters[index].value.shape)
            let folded = tape.foldedGradient(ofLeaf: index)
            setSegment(index, memory, Gradients.Factors(own: folded.weightDecay, sign: folded.l1))
        }
        try requireFiniteGradients(batch)
        applyOptimizer()
    }

    func updateThroughTransforms(_ batch: Batch) throws {
        defer { gradients.removeAll(keepingCapacity: true) }
        let leaves = store.parameters.indices
        var current = Gradients(
            execution: execution, source: GradientSource(gradients: leaves.map(tape.takeGradient(ofLeaf:))),
            folded: leaves.map(tape.foldedGradient(ofLeaf:)))
        if !gradientTransforms.isEmpty {
            current = apply(gradientTransforms, to: current, batch)
            if let bad = current.indexOfBadFactor { throw badGradient(bad, batch) }
            current.settleThresholds()
        }
        setSegments(current)
        try requireFiniteGradients(batch)
        guard !updateTransforms.isEmpty else { return applyOptimizer() }

        let source = GradientSource { [unowned self] in self.makeUpdates() }
        let updates = apply(updateTransforms, to: Gradients(execution: execution, source: source), batch)
        // What the optimizer remembers has not moved yet, if nobody has looked at what it makes.
        if let bad = updates.indexOfBadFactor { throw badUpdate(bad, isAhead: source.isWorkedOut) }
        if updates.isPlain {
            for index in segments.indices {
                // A transform may have kept a parameter's value: what it kept must not change with the parameter.
                ownMemory(index)
                segments[index].shrink = updates.factors[index].own
                segments[index].threshold = updates.factors[index].threshold
            }
            applyOptimizer()
        } else {
            // The optimizer reads the segments, so it goes first, also where every update was replaced.
            source.workOut()
            setSegments(updates)
            for index in segments.indices {
                segments[index].shrink = segments[index].own
                segments[index].own = 0
                segments[index].threshold = updates.factors[index].threshold
            }
            if let bad = indexOfBadGradient() { throw badUpdate(bad, isAhead: true) }
            addUpdates(Array(gradients))
        }
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
        _ transforms: [Member<any GradientTransform>], to gradients: Gradients, _ batch: Batch
    ) -> Gradients {
        var gradients = gradients
        for member in transforms {
            member.frame.rewind()
            let context = GradientContext(scope: Scope(member.frame)) { [unowned self] in
                self.gradients(at: $0, batch)
            }
            gradients = execution.metered(member.index, .gradientTransform) {
                member.technique.gradientTransform(gradients, in: context)
            }
        }
        return gradients
    }

    /// Lets the segments stand for what transforms left.
    private func setSegments(_ values: Gradients) {
        gradients.removeAll(keepingCapacity: true)
        for index in store.parameters.indices {
            let (dense, factors) = values.parts(index)
            gradients.append(dense)
            setSegment(index, dense.storage.floats, factors)
        }
    }

    @inline(__always)
    private func setSegment(_ index: Int, _ gradient: UnsafePointer<Float>, _ factors: Gradients.Factors) {
        let segment = ballast_segment(
            parameter: store.parameters[index].value.storage.floats, gradient: gradient, update: nil, first: nil,
            second: nil, count: store.parameters[index].value.elementCount, gradient_scale: factors.scale,
            own: factors.own, sign: factors.sign, shrink: 0, threshold: 0)
        if index < segments.count { segments[index] = segment } else { segments.append(segment) }
        ownMemory(index)
    }

    /// Makes sure that nobody else holds the memory that a segment is to change in place.
    @inline(__always)
    private func ownMemory(_ index: Int) {
        store.parameters[index].value.makeUnique()
        segments[index].parameter = store.parameters[index].value.storage.floats
        let slotCount = store.parameters[index].slots.count
        for slot in 0..<slotCount { store.parameters[index].slots[slot].makeUnique() }
        segments[index].first = slotCount > 0 ? store.parameters[index].slots[0].storage.floats : nil
        segments[index].second = slotCount > 1 ? store.parameters[index].slots[1].storage.floats : nil
    }

    private func indexOfBadGradient() -> Int? {
        var bad = 0
        let isFinite = segments.withUnsafeBufferPointer { segments in
            segments.baseAddress.map { ballast_gradients_finite(segments.count, $0, &bad) } ?? true
        }
        return isFinite ? nil : bad
    }

    private func requireFiniteGradients(_ batch: Batch) throws {
        if let bad = indexOfBadGradient() { throw badGradient(bad, batch) }
    }

    private func badGradient(_ index: Int, _ batch: Batch) -> TrainingError {
        Diagnosis(runner, execution).badGradient(
            of: store.parameters[index].path, culprit: culprit(of: index, batch),
            transforms: gradientTransforms.map(\.technique.name))
    }

    private func badUpdate(_ index: Int, isAhead: Bool) -> TrainingError {
        Diagnosis(runner, execution).badUpdate(
            of: store.parameters[index].path, transforms: updateTransforms.map(\.technique.name), isAhead: isAhead)
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
            let updates = segments.indices.map { Tensor(uninitialized: store.parameters[$0].value.shape) }
            for index in updates.indices { segments[index].update = updates[index].storage.floats }
            segments.withUnsafeMutableBufferPointer { fused.update($0, at: optimizerStep) }
            for index in updates.indices { segments[index].update = nil }
            return updates
        }
        return segments.indices.map { index in
            let (segment, parameter) = (segments[index], store.parameters[index].value)
            var gradient = gradients[index]
            if segment.gradient_scale != 1 { gradient *= segment.gradient_scale }
            gradient = Tape.FoldedGradient(weightDecay: segment.own, l1: segment.sign).added(
                to: gradient, leaf: parameter)
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
