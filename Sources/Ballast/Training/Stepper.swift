internal import CKernels
internal import Tensors

/// Makes the steps of a run: one forward pass, one way back, one update, with the hooks in between.
final class Stepper {
    private let loss: Loss
    let optimizer: any Optimizer
    let fused: (any FusedOptimizer)?
    let runner: ModelRunner
    let execution: Execution
    let store: VariableStore
    let tape = Tape.acquire()

    /// A technique of the run at one of its hooks.
    struct Member<T> {
        /// Its index in the composition.
        let index: Int
        let technique: T
        let frame: Frame
    }

    private let batchWrappers: [Member<any ForwardWrapper>]
    private let penalties: [Member<any LossPenalty>]
    let gradientTransforms: [Member<any GradientTransform>]
    let updateTransforms: [Member<any GradientTransform>]
    let callbacks: [Member<any EpochCallback>]

    /// The sum of each penalty over the steps of the epoch.
    var penaltySums: [Double]
    /// The penalties of the step that is being made.
    private var stepPenalties: [Double]
    var segments: ContiguousArray<ballast_segment> = []
    /// The dense gradients that transforms left, which segments point to while they are used.
    var gradients: ContiguousArray<Tensor> = []

    init(_ trainer: Trainer, _ runner: ModelRunner) {
        loss = trainer.loss
        optimizer = trainer.optimizer
        fused = trainer.optimizer as? any FusedOptimizer
        self.runner = runner
        execution = runner.execution
        store = runner.execution.store
        let execution = runner.execution
        let places = trainer.composition.techniques.enumerated().map { index, technique in
            (
                index, technique,
                Frame(
                    execution: execution, path: technique.name, name: technique.name, kind: "technique", separator: "/")
            )
        }
        func conforming<T>(_ cast: (any Technique) -> T?) -> [Member<T>] {
            places.compactMap { index, technique, frame in
                cast(technique).map { Member(index: index, technique: $0, frame: frame) }
            }
        }
        batchWrappers = conforming { ($0 as? any ForwardWrapper).flatMap { $0.sites.contains(.batch) ? $0 : nil } }
        penalties = conforming { $0 as? any LossPenalty }
        let transforms = conforming { $0 as? any GradientTransform }
        gradientTransforms = transforms.filter { $0.technique.stage == .gradient }
        updateTransforms = transforms.filter { $0.technique.stage == .update }
        callbacks = conforming { $0 as? any EpochCallback }
        penaltySums = Array(repeating: 0, count: penalties.count)
        stepPenalties = penaltySums
        tape.backwardTimer = { [unowned execution] tag, time in execution.costs.add(time, owner: Int(tag)) }
    }

    deinit { tape.release() }

    /// Gives each parameter the tensors that the optimizer keeps for it.
    func declareSlots() {
        for index in store.parameters.indices {
            let parameter = store.parameters[index]
            store.parameters[index].slots = optimizer.slots.map { slot in
                let path = "optimizer/\(slot)/\(parameter.path)"
                if let loaded = store.loaded.removeValue(forKey: path) {
                    if loaded.shape == parameter.value.shape { return loaded }
                    execution.problems.append(
                        "\"\(path)\" has shape \(loaded.shape) in the file, but needs \(parameter.value.shape)")
                } else if store.expectsLoaded {
                    execution.problems.append("\"\(path)\" is not in the file")
                }
                return Tensor.zeros(parameter.value.shape)
            }
        }
        tape.reset(leafCount: store.parameters.count)
    }

    // MARK: A step

    /// Makes a step, and returns the loss of the data.
    ///
    /// - Throws: ``TrainingError``; variables and accounts are then those of before the step.
    func step(_ batch: Batch) throws -> Double {
        execution.drawIndex = execution.globalStep
        let isMeasured = CostMeter.measures(step: execution.globalStep)
        let start: ContinuousClock.Instant? = isMeasured ? .now : nil
        execution.costs.isMeasuring = isMeasured
        let (states, numbers, snapshots) = (store.states, store.numbers, store.snapshots)
        do {
            let value = try advance(batch)
            for index in stepPenalties.indices { penaltySums[index] += stepPenalties[index] }
            if let start { execution.costs.endStep(ContinuousClock.now - start) }
            return value
        } catch {
            // What the step was the first to ask for stays declared: its place knows it by index.
            store.states.replaceSubrange(states.indices, with: states)
            store.numbers.replaceSubrange(numbers.indices, with: numbers)
            store.snapshots = snapshots
            throw error
        }
    }

    private func advance(_ batch: Batch) throws -> Double {
        execution.phase = .training
        defer {
            execution.phase = .evaluation
            execution.tape = nil
            tape.reset(leafCount: store.parameters.count)
        }
        let batch = batchWrappers.isEmpty ? batch : transformed(batch)
        execution.tape = tape
        let value = try objective(batch)
        if fused != nil, gradientTransforms.isEmpty, updateTransforms.isEmpty {
            try updatePlainly(batch)
        } else {
            try updateThroughTransforms(batch)
        }
        return value
    }

    private func transformed(_ batch: Batch) -> Batch {
        var batch = batch
        for member in batchWrappers {
            member.frame.rewind()
            batch = execution.metered(member.index, .forwardWrapper) {
                member.technique.forwardWrapper(batch, in: BatchContext(scope: Scope(member.frame)))
            }
        }
        return batch
    }

    /// Runs the model and the way back of the data's loss and all penalties; returns the loss.
    private func objective(_ batch: Batch) throws -> Double {
        let output = runner.forward(batch.input)
        let loss = loss(output, batch.target)
        let value = loss.item
        guard value.isFinite else { throw Diagnosis(runner, execution).badLoss(value, batch) }
        tape.seed(loss)
        for position in penalties.indices {
            let penalty = penalty(position, batch, output)
            let value = penalty.item
            guard value.isFinite else {
                throw Diagnosis(runner, execution).badPenalty(value, of: penalties[position].technique.name)
            }
            tape.seed(penalty)
            stepPenalties[position] = Double(value)
        }
        tape.backward()
        return Double(value)
    }

    private func penalty(_ position: Int, _ batch: Batch, _ output: Tensor) -> Tensor {
        let member = penalties[position]
        member.frame.rewind()
        let context = StepContext(scope: Scope(member.frame), batch: batch, output: output, observer: member.index)
        return execution.metered(member.index, .lossPenalty) {
            member.technique.lossPenalty(Parameters(execution: execution, indices: store.indices(.all)), in: context)
        }
    }

    func takePenalties(steps: Int) -> [NamedValue] {
        guard !penalties.isEmpty else { return [] }
        let values = penalties.indices.map { NamedValue(penalties[$0].technique.name, penaltySums[$0] / Double(steps)) }
        for index in penaltySums.indices { penaltySums[index] = 0 }
        return values
    }

    // MARK: Other passes

    /// What an objective is made of.
    enum Term {
        case data
        case penalty(Int)
    }

    /// The gradients of a batch's objective at other parameter values, leaving everything else as it is; NaN where the
    /// objective is not finite.
    func gradients(at values: [Tensor], _ batch: Batch, of terms: [Term]? = nil) -> Gradients {
        let terms = terms ?? [.data] + penalties.indices.map { .penalty($0) }
        guard values.count == store.parameters.count else {
            fail("gradients(at:)", "\(values.count) values were given for \(store.parameters.count) parameters")
        }
        let own = store.parameters.map(\.value)
        for index in own.indices where values[index].shape != own[index].shape {
            fail(
                "gradients(at:)",
                "\"\(store.parameters[index].path)\" has shape \(own[index].shape), not \(values[index].shape)")
        }
        let (outerTape, observations) = (execution.tape, execution.observations)
        let inner = Tape.acquire()
        inner.reset(leafCount: own.count)
        for index in own.indices { store.parameters[index].value = values[index].detached }
        execution.tape = inner
        defer {
            inner.release()
            for index in own.indices { store.parameters[index].value = own[index] }
            execution.tape = outerTape
            execution.observations = observations
        }
        return execution.inPhase(.training, updatesState: false) {
            let output = runner.forward(batch.input)
            var isFinite = true
            for term in terms {
                let value =
                    switch term {
                    case .data: loss(output, batch.target)
                    case .penalty(let position): penalty(position, batch, output)
                    }
                isFinite = isFinite && value.item.isFinite
                inner.seed(value)
            }
            inner.backward()
            let dense = own.indices.map { index -> Tensor in
                guard isFinite else { return .full(own[index].shape, .nan) }
                return inner.foldedGradient(ofLeaf: index).added(
                    to: inner.takeGradient(ofLeaf: index), leaf: values[index])
            }
            return Gradients(execution: execution, source: GradientSource(gradients: dense))
        }
    }

    /// Finds the term that makes the gradient of a parameter what is not finite; nil if it is finite in all of them.
    func culprit(of index: Int, _ batch: Batch) -> String? {
        let values = store.parameters.map(\.value)
        func isBad(_ term: Term) -> Bool { !gradients(at: values, batch, of: [term])[index].isFinite }
        if isBad(.data) { return "the loss of the data (a layer, the loss or hook forwardWrapper)" }
        guard let position = penalties.indices.first(where: { isBad(.penalty($0)) }) else { return nil }
        return "the penalty of \"\(penalties[position].technique.name)\" (hook lossPenalty)"
    }
}
