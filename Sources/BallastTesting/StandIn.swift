internal import BallastCore

/// A technique under another name, watched, or called without effect; it has the hooks of the one it stands for.
struct StandIn<Base: Technique>: Technique {
    let base: Base
    let name: String
    var journal: Journal?
    /// Whether what the technique returns is thrown away.
    var isMuted = false
    /// What of a layer's call is written down.
    var detail = StandInDetail.effect

    var traits: Set<TechniqueTrait> { base.traits }

    func diagnostics(in context: CompositionContext) -> [Diagnostic] { base.diagnostics(in: context) }
}

/// What a stand-in writes down of a layer's call.
enum StandInDetail {
    /// That it was made; nothing is run that the technique does not run itself.
    case turn
    /// How much was changed.
    case effect
    /// How much was changed, and the tensors.
    case values
}

/// A stand-in for a technique of any type.
func standIn(
    for base: some Technique, named name: String? = nil, journal: Journal? = nil, isMuted: Bool = false,
    detail: StandInDetail = .effect
) -> any Technique {
    StandIn(base: base, name: name ?? base.name, journal: journal, isMuted: isMuted, detail: detail)
}

extension StandIn: LossPenalty where Base: LossPenalty {
    var observes: [LayerSelector] { base.observes }
    var parameters: ParameterSelector { base.parameters }

    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        let value = base.lossPenalty(parameters, in: context)
        journal?.add(
            .init(
                technique: name, hook: .lossPenalty, step: context.globalStep, isTraining: context.isTraining,
                effect: Double(value.detached.item)))
        return isMuted ? Tensor(0) : value
    }
}

extension StandIn: GradientTransform where Base: GradientTransform {
    var stage: GradientStage { base.stage }
    var parameters: ParameterSelector { base.parameters }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        let before = journal == nil ? [] : (0..<gradients.count).map { gradients[$0] }
        let result = base.gradientTransform(gradients, in: context)
        if let journal {
            let changes = before.indices.map { distance(before[$0], result[$0]) }
            journal.add(
                .init(
                    technique: name, hook: .gradientTransform, place: stage.rawValue, step: context.globalStep,
                    isTraining: context.isTraining, effect: changes.reduce(0, +),
                    changed: changes.indices.filter { changes[$0] != 0 }.map(gradients.path)))
        }
        return isMuted ? gradients : result
    }
}

extension StandIn: ForwardWrapper where Base: ForwardWrapper {}

extension StandIn: LayerWrapper where Base: LayerWrapper {
    var sites: [Site] { base.sites }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        let output = base.forwardWrapper(call, in: context)
        guard journal != nil || isMuted else { return output }
        var entry = Journal.Entry(
            technique: name, hook: .forwardWrapper, place: "\(call.position.rawValue) \(call.path)",
            step: context.globalStep, isTraining: context.isTraining, effect: 0)
        guard detail != .turn else {
            journal?.add(entry)
            return output
        }
        let reference = call.position == .around ? call.next() : call.input
        if let journal {
            entry.effect = distance(output.detached, reference.detached)
            if output.shape == reference.shape {
                entry.change = (output.detached - reference.detached).scalars.reduce(0) { $0 + Double($1) }
            }
            if detail == .values {
                entry.input = .init(call.input)
                entry.output = .init(output)
            }
            journal.add(entry)
        }
        return isMuted ? reference : output
    }
}

extension StandIn: BatchWrapper where Base: BatchWrapper {
    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        let result = base.forwardWrapper(batch, in: context)
        journal?.add(
            .init(
                technique: name, hook: .forwardWrapper, place: "batch", step: context.globalStep,
                isTraining: context.isTraining,
                effect: distance(batch.input, result.input) + distance(batch.target, result.target)))
        return isMuted ? batch : result
    }
}

extension StandIn: EpochCallback where Base: EpochCallback {
    func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision {
        let decision = base.epochCallback(epoch, in: context)
        journal?.add(
            .init(
                technique: name, hook: .epochCallback, step: context.globalStep,
                isTraining: context.isTraining, effect: decision.variables == nil ? 0 : 1))
        return isMuted ? .continue : decision
    }

    func variablesForValidation(in context: EpochContext) -> Variables? {
        let variables = base.variablesForValidation(in: context)
        return isMuted ? nil : variables
    }
}
