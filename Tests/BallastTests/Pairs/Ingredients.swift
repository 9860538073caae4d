import Ballast
import Foundation

/// An exponential moving average of the parameters, as a user would write it: blended after each update, validated,
/// and what the run ends with.
struct MovingAverage: GradientTransform, EpochCallback {
    var name = "MovingAverage"
    var decay: Float = 0.9
    var stage: GradientStage { .applied }
    var traits: Set<TechniqueTrait> { [.averagesWeights] }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        for index in gradients.indices {
            context.scope.state(gradients.path(index), gradients.parameter(index).shape, initial: .zeros)
                .blend(gradients[index], weight: context.globalStep == 0 ? 1 : 1 - decay)
        }
        return gradients
    }

    func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision { .continue }

    func variablesForValidation(in context: EpochContext) -> Variables? {
        let variables = context.variables
        return context.refreshedStatistics(
            of: variables.mapParameters { entry in
                variables["\(name)/\(entry.path)"] ?? entry.value
            })
    }
}

/// Sharpness-aware minimization: gradients at the parameters moved uphill by `radius` (Foret et al., 2021).
struct Sharpness: GradientTransform {
    var radius: Float = 0.05
    var parameters: ParameterSelector = .all
    var traits: Set<TechniqueTrait> { [.replacesGradients] }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        let factor = radius / max(gradients.norm(), 1e-12)
        return context.gradients(at: gradients.indices.map { gradients.parameter($0) + gradients[$0] * factor })
    }
}

/// Convolutions along the ten features of a row.
struct RowConvolution: Layer {
    func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        let layers = Sequential {
            Conv1d(4, kernel: 3, padding: 1)
            ReLU()
            MaxPool1d(2)
            Flatten()
            Linear(3)
        }
        return scope(layers, x.reshaped(to: [x.shape[0], 1, x.shape[1]]))
    }
}

/// A clip of every unit's weights, after the update.
struct UnitClip: GradientTransform {
    var limit: Float = 0.4
    var stage: GradientStage { .applied }
    var parameters: ParameterSelector { .weights }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        var values = gradients
        for index in values.indices {
            let norms = maximum(values[index].unitNorms(axis: values.unitAxis(index)), limit)
            values[index] = values[index] * limit / norms
        }
        return values
    }
}

/// Pulls the outputs of a layer toward trained centers, one for each class: a penalty with parameters of its own.
struct Centers: LossPenalty {
    var strength: Float = 0.1
    var observes: [LayerSelector] { ["linear2"] }

    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        let features = context.activations[0].value
        let centers = context.scope.parameter(
            "centers", [context.classes ?? 1, features.shape[1]], initial: .normal(deviation: 0.1))
        return (features - centers.gathered(rows: context.batch.target)).squared().mean() * strength
    }
}

/// Counts its calls and batches in all places where techniques keep state.
struct Diary: LayerWrapper, LossPenalty, EpochCallback {
    var sites: [Site] { [.after("relu1")] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        let count = context.scope.state("count", [1], initial: .zeros)
        count.value = count.value + 1
        return call.next()
    }

    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        let count = context.scope.number("penalties", initial: 0)
        count.value += 1
        return Tensor(Float(count.value)) * 0
    }

    func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision {
        context.scope.snapshot("last").value = context.variables
        return .continue
    }
}

/// Adam, written outside of the core with the public protocol.
struct OwnAdam: ElementwiseOptimizer {
    var learningRate: Float = 0.02
    var isAdaptive: Bool { true }
    var slots: [String] { ["first", "second"] }

    func update(_ block: OptimizerBlock, at step: OptimizerStep) {
        let time = Double(step.index + 1)
        let first = Float(1 - pow(0.9, time))
        let second = Float(1 - pow(0.999, time))
        for i in 0..<block.count {
            let g = block.values[i]
            let m = 0.9 * block.slots[0][i] + 0.1 * g
            let v = 0.999 * block.slots[1][i] + 0.001 * g * g
            (block.slots[0][i], block.slots[1][i]) = (m, v)
            block.values[i] = -step.learningRate * (m / first) / ((v / second).squareRoot() + 1e-8)
        }
    }
}

/// Runs that pairs of features are tried on.
enum PairedRun {
    static let seed: UInt64 = 11

    /// A perceptron, 53 rows in batches of 8, the first 20 of them for validation.
    static func trainer(
        _ techniques: [any Technique], optimizer: any Optimizer = Adam(learningRate: 0.02),
        schedule: Schedule = .cosine(final: 0.1), shards: Int = 1, groups: [ParameterGroup] = []
    ) -> Trainer {
        Trainer(
            Problem.perceptron, loss: .crossEntropy, optimizer: optimizer, schedule: schedule, batchSize: 8,
            shards: shards, groups: groups, silencing: ["adaptive-l2", "double-decay", "dropout-before-batch-norm"],
            composition: Composition(techniques))
    }

    static func fit(
        _ trainer: Trainer, epochs: Int = 4, until: Int? = nil, checkpoints: CheckpointPolicy? = nil,
        cancellation: Cancellation? = nil, observer: ((RunEvent) -> Void)? = nil
    ) throws -> Run {
        let data = try Problem.rows()
        return try trainer.fit(
            data, validation: data.prefix(20), epochs: epochs, until: until, seed: seed, checkpoints: checkpoints,
            cancellation: cancellation, observer: observer)
    }

    /// A folder for a body, which is removed after it.
    static func inFolder<R>(_ body: (URL) throws -> R) throws -> R {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder)
    }
}
