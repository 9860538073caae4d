internal import BallastCore

/// A technique that calls another one, and records or mutes it; it has the hooks of the one that it calls.
struct RecordingTechnique<Base: Technique>: Technique {
    let base: Base
    let name: String
    var recorder: EffectRecorder?
    /// Whether what the base returns is thrown away.
    var isMuted = false
    var detail = RecordingDetail.effect

    var traits: Set<TechniqueTrait> { base.traits }

    func diagnostics(in context: CompositionContext) -> [Diagnostic] { base.diagnostics(in: context) }
}

/// How much of a call is recorded.
enum RecordingDetail {
    /// That it was made; nothing is run that the technique does not run itself.
    case turn
    /// How much was changed; around a layer, the layer is run once more to know.
    case effect
    /// The tensors that were given and returned.
    case values
}

/// A technique of any type, recorded or muted.
func recording(
    _ base: some Technique, named name: String? = nil, in recorder: EffectRecorder? = nil, isMuted: Bool = false,
    detail: RecordingDetail = .effect
) -> any Technique {
    RecordingTechnique(base: base, name: name ?? base.name, recorder: recorder, isMuted: isMuted, detail: detail)
}

extension RecordingTechnique {
    /// An entry about a call in a context.
    private func entry(_ hook: Hook, at place: String = "", _ effect: Double, in context: some HookContext)
        -> EffectRecorder.Entry
    {
        .init(
            technique: name, hook: hook, place: place, step: context.globalStep, isTraining: context.isTraining,
            effect: effect)
    }
}

extension RecordingTechnique: LossPenalty where Base: LossPenalty {
    var observes: [LayerSelector] { base.observes }
    var parameters: ParameterSelector { base.parameters }

    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        let value = base.lossPenalty(parameters, in: context)
        let number = value.elementCount == 1 && value.scalarType == .float32 ? Double(value.detached.item) : .nan
        var entry = entry(.lossPenalty, number, in: context)
        if detail == .values { entry.returned["penalty"] = .init(value) }
        recorder?.add(entry)
        return isMuted ? Tensor(0) : value
    }
}

extension RecordingTechnique: GradientTransform where Base: GradientTransform {
    var stage: GradientStage { base.stage }
    var parameters: ParameterSelector { base.parameters }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        let before = recorder == nil ? [] : gradients.indices.map { gradients[$0] }
        let result = base.gradientTransform(gradients, in: context)
        if let recorder {
            let effect = before.indices.reduce(0) { $0 + distance(before[$1], result[$1]) }
            var entry = entry(.gradientTransform, at: stage.rawValue, effect, in: context)
            if detail == .values {
                for index in before.indices {
                    entry.given[gradients.path(index)] = .init(before[index])
                    entry.returned[gradients.path(index)] = .init(result[index])
                }
            }
            recorder.add(entry)
        }
        return isMuted ? gradients : result
    }
}

extension RecordingTechnique: ForwardWrapper where Base: ForwardWrapper {}

extension RecordingTechnique: LayerWrapper where Base: LayerWrapper {
    var sites: [Site] { base.sites }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        guard !isMuted else { return muted(call, in: context) }
        let output = base.forwardWrapper(call, in: context)
        guard let recorder else { return output }
        var entry = entry(.forwardWrapper, at: "\(call.position.rawValue) \(call.path)", 0, in: context)
        defer { recorder.add(entry) }
        switch detail {
        case .turn: break
        case .effect:
            let reference = call.position == .around ? call.next() : call.input
            entry.effect = distance(output.detached, reference.detached)
            if output.shape == reference.shape {
                entry.change = (output.detached - reference.detached).scalars.reduce(0) { $0 + Double($1) }
            }
        case .values:
            entry.given["input"] = .init(call.input)
            entry.returned["output"] = .init(output)
        }
        return output
    }

    /// Calls the base, but lets the layer run exactly once and on its own input, whatever the base requests.
    private func muted(_ call: LayerCall, in context: LayerContext) -> Tensor {
        let plain = call.next()
        _ = base.forwardWrapper(call.replacingNext { _, _ in plain }, in: context)
        recorder?.add(entry(.forwardWrapper, at: "\(call.position.rawValue) \(call.path)", 0, in: context))
        return plain
    }
}

extension RecordingTechnique: BatchWrapper where Base: BatchWrapper {
    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        let result = base.forwardWrapper(batch, in: context)
        if let recorder {
            let effect = distance(batch.input, result.input) + distance(batch.target, result.target)
            var entry = entry(.forwardWrapper, at: "batch", effect, in: context)
            if detail == .values {
                entry.given = ["input": .init(batch.input), "target": .init(batch.target)]
                entry.returned = ["input": .init(result.input), "target": .init(result.target)]
            }
            recorder.add(entry)
        }
        return isMuted ? batch : result
    }
}

extension RecordingTechnique: EpochCallback where Base: EpochCallback {
    func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision {
        let decision = base.epochCallback(epoch, in: context)
        if let recorder {
            var entry = entry(.epochCallback, at: "end", decision.variables == nil ? 0 : 1, in: context)
            entry.stopReason = decision.stopReason
            entry.learningRateFactor = decision.learningRateFactor
            if detail == .values { note(decision.finalVariables, in: context, &entry) }
            recorder.add(entry)
        }
        return isMuted ? .continue : decision
    }

    func variablesForValidation(in context: EpochContext) -> Variables? {
        let variables = base.variablesForValidation(in: context)
        if let recorder, detail == .values {
            var entry = entry(.epochCallback, at: "validation", 0, in: context)
            note(variables, in: context, &entry)
            recorder.add(entry)
        }
        return isMuted ? nil : variables
    }

    private func note(_ offered: Variables?, in context: EpochContext, _ entry: inout EffectRecorder.Entry) {
        guard let offered else { return }
        entry.returned = EffectRecorder.values(offered)
        entry.current = EffectRecorder.values(context.variables)
    }
}
