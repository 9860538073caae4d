import Ballast
import Synchronization

/// Takes a share of the target away, and gives it to nobody.
struct LossySmoothing: BatchWrapper {
    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        var batch = batch
        batch.target = batch.probabilities(classes: context.classes ?? 1) * 0.9
        return batch
    }
}

/// Bounds the weights that training begins with, and no others.
struct InitialMaxNorm: GradientTransform {
    var stage: GradientStage { .applied }
    var parameters: ParameterSelector { .weights }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        var parameters = gradients
        for index in parameters.indices where context.globalStep == 0 {
            let norms = parameters[index].unitNorms(axis: parameters.unitAxis(index))
            parameters[index] = parameters[index] * minimum(0.5 / norms, 1)
        }
        return parameters
    }
}

/// Sums the divergence over the batch, whose loss is a mean.
struct SummedRDrop: LossPenalty {
    var parameters: ParameterSelector { .all }

    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        let p = context.output.logSoftmax()
        let q = context.output(of: context.batch.input, draw: 1).logSoftmax()
        return ((p.exp() - q.exp()) * (p - q)).sum() * 0.1
    }
}

/// Makes a batch anew, which forgets which samples it has.
struct ForgetfulAdversary: BatchWrapper {
    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        let input = batch.input + context.inputGradient(of: batch).sign() * 0.05
        return Batch(input: input, target: batch.target)
    }
}

/// Has the value of a gradient penalty, but no gradient of it.
struct ConstantGradientPenalty: LossPenalty {
    var parameters: ParameterSelector { .all }

    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        context.inputGradient().sumOfSquares() * Float(context.batch.count)
    }
}

/// Draws at the layer what it should share with the batch: activations and targets are mixed with different partners.
struct ApartMixup: BatchWrapper, LayerWrapper {
    var sites: [Site] { [.before("linear2")] }

    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        var batch = batch
        batch.target = mixed(batch.probabilities(classes: context.classes ?? 1), context.random)
        return batch
    }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        context.isTraining ? mixed(call.input, context.random) : call.input
    }

    private func mixed(_ x: Tensor, _ random: RandomStream) -> Tensor {
        x * 0.6 + x.gathered(rows: Tensor(integers: random.permutation(x.shape[0]))) * 0.4
    }
}

/// Averages the parameters from before the update.
struct LateAverage: GradientTransform, EpochCallback {
    var stage: GradientStage { .update }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        for index in gradients.indices {
            let parameter = gradients.parameter(index)
            context.scope.state(gradients.path(index), parameter.shape, initial: .zeros)
                .blend(parameter, weight: context.globalStep == 0 ? 1 : 0.1)
        }
        return gradients
    }

    func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision { .continue }

    func variablesForValidation(in context: EpochContext) -> Variables? {
        let variables = context.variables
        return variables.mapParameters { variables["\(name)/\($0.path)"] ?? $0.value }
    }
}

/// Counts the epochs of its mean in a property.
final class ForgetfulMean: EpochCallback {
    private let count = Mutex<Float>(0)

    func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision {
        let mean = context.scope.snapshot("mean")
        let share = count.withLock { count in
            count += 1
            return 1 / count
        }
        let old = mean.value
        mean.value = context.variables.mapParameters { entry in
            old?[entry.path].map { $0 + (entry.value - $0) * share } ?? entry.value
        }
        return EpochDecision(finalVariables: mean.value)
    }
}

/// Skips branches, and does not make up for it.
struct UnscaledDepth: LayerWrapper {
    var sites: [Site] { [.around("residual*.branch")] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        let isSkipped = context.isTraining && context.random.uniforms(1)[0] < 0.5
        return isSkipped ? .zeros(call.input.shape) : call.next()
    }
}

/// Keeps the vector of its power iteration in a property.
final class ForgetfulSpectralNorm: LayerWrapper {
    private let right = Mutex<[String: [Float]]>([:])

    var sites: [Site] { [.around(.kind("linear"))] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        guard let weight = call.parameters.first(where: { $0.name == "weight" }) else { return call.next() }
        let matrix = weight.value.detached.transposed()
        let start = right.withLock { $0[call.path] } ?? Array(repeating: 1, count: matrix.shape[1])
        let left = matmul(matrix, Tensor(start, shape: [start.count, 1]))
        let next = matmul(matrix, left / left.norm().item, transposeA: true)
        let norm = next.norm().item
        if context.isTraining {
            let scalars = (next / norm).scalars
            right.withLock { $0[call.path] = scalars }
        }
        return call.next(call.input, replacing: [weight.with(weight.value / norm)])
    }
}

/// Sums the distances to the centers over the batch.
struct SummedCenterLoss: LossPenalty {
    var observes: [LayerSelector] { [.model] }
    var parameters: ParameterSelector { .all }

    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        let classes = context.classes ?? 1
        let centers = context.scope.parameter("centers", [classes, classes], initial: .ones)
        return (context.output - matmul(context.batch.probabilities(classes: classes), centers)).sumOfSquares() * 0.01
    }
}
