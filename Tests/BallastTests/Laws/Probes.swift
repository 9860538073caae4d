import Ballast
import Synchronization

/// What probes saw, in order.
final class Log: Sendable {
    private let lines = Mutex<[String]>([])

    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
}

/// A penalty that says when it is called, and adds a multiple of the sum of all weights.
struct PenaltyProbe: LossPenalty {
    let name: String
    var log = Log()
    var strength: Float = 0
    var observes: [LayerSelector] = []

    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        guard context.isTraining else { return Tensor(0) }
        log.add("\(name) penalty")
        for activation in context.activations { log.add("\(name) sees \(activation.path)") }
        return parameters.reduce(Tensor(0)) { $0 + $1.value.sum() } * strength
    }
}

/// A transform that says when it is called, and does what it is given.
struct TransformProbe: GradientTransform {
    let name: String
    var stage: GradientStage = .gradient
    var parameters: ParameterSelector = .all
    var log = Log()
    var body: @Sendable (inout Gradients, GradientContext, Log) -> Void = { _, _, _ in }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        log.add("\(name) \(stage)")
        var gradients = gradients
        body(&gradients, context, log)
        return gradients
    }
}

/// A wrapper of layers that says when it is called, and does what it is given.
struct WrapperProbe: LayerWrapper {
    let name: String
    var sites: [Site]
    var log = Log()
    var call: @Sendable (LayerCall, LayerContext, Log) -> Tensor = { call, _, _ in call.next() }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        log.add("\(name) \(call.position) \(call.path)")
        return self.call(call, context, log)
    }
}

/// A wrapper of batches that says when it is called, and does what it is given.
struct BatchProbe: BatchWrapper {
    let name: String
    var log = Log()
    var batch: @Sendable (Batch, BatchContext, Log) -> Batch = { batch, _, _ in batch }

    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        log.add("\(name) batch")
        return self.batch(batch, context, log)
    }
}

/// A callback that says when it is called, and decides as it is told.
struct CallbackProbe: EpochCallback {
    let name: String
    var log = Log()
    var body: @Sendable (EpochRecord, EpochContext) -> EpochDecision = { _, _ in .continue }
    var validating: (@Sendable (EpochContext) -> Variables?)?

    func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision {
        log.add("\(name) ended")
        return body(epoch, context)
    }

    func variablesForValidation(in context: EpochContext) -> Variables? {
        guard let validating else { return nil }
        log.add("\(name) validating")
        return validating(context)
    }
}

/// A technique by another author that keeps state of every kind, all of which changes what is trained:
/// a running mean at a site, an average of the first parameter that is made in the first step only, a counter and a
/// copy of variables that are made at the end of the first epoch only.
struct Tracker: LayerWrapper, GradientTransform, EpochCallback {
    var stage: GradientStage { .update }
    var sites: [Site] { [.after("linear1")] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        let x = call.next()
        let mean = context.scope.state("mean", [x.shape[1]], initial: .zeros)
        if context.isTraining { mean.value = mean.value * 0.9 + x.detached.mean(axes: [0]) * 0.1 }
        return x - mean.value * 0.5
    }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        var updates = gradients
        let average = context.scope.state("average", updates.parameter(0).shape, initial: .zeros)
        average.value = average.value * 0.5 + updates[0] * 0.5
        updates[0] = updates[0] + average.value * 0.25
        return updates
    }

    func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision {
        let epochs = context.scope.number("epochs", initial: 0)
        let first = context.scope.snapshot("first")
        epochs.value += 1
        guard let old = first.value else {
            first.value = context.variables
            return .scaleLearningRate(by: 0.75)
        }
        guard epochs.value == 3 else { return .continue }
        // Back to half of the first epoch's parameters.
        return .replace(context.variables.mapParameters { ($0.value + (old[$0.path] ?? $0.value)) * 0.5 })
    }
}
