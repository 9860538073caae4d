import Ballast

/// Zeroes, and scales neither in training nor in evaluation.
struct UnscaledDropout: LayerWrapper {
    var sites: [Site] { [.after(.activations)] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        let x = call.next()
        guard context.isTraining else { return x }
        return dropout(x, probability: 0.5, from: context.random) * 0.5
    }
}

/// Draws in evaluation, too.
struct EternalDropout: LayerWrapper {
    var sites: [Site] { [.after(.activations)] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        dropout(call.next(), probability: 0.5, from: context.random)
    }
}

/// Normalizes by the batch in every phase.
struct PhaselessNorm: LayerWrapper {
    var sites: [Site] { [.before(.activations)] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        let x = call.next()
        return normalized(x, .channels(of: x.shape), weight: nil, bias: nil, epsilon: 1e-5).output
    }
}

/// Stores the variance that it normalizes by.
struct BiasedNorm: LayerWrapper {
    var sites: [Site] { [.before(.activations)] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        let x = call.next()
        let channels: Shape = [x.shape[1]]
        let runningMean = context.scope.state("runningMean", channels, initial: .zeros)
        let runningVariance = context.scope.state("runningVariance", channels, initial: .ones)
        let geometry = NormalizationGeometry.channels(of: x.shape)
        guard context.isTraining else {
            return normalized(
                x, geometry, mean: runningMean.value, variance: runningVariance.value, weight: nil, bias: nil,
                epsilon: 1e-5)
        }
        let (output, mean, variance) = normalized(x, geometry, weight: nil, bias: nil, epsilon: 1e-5)
        runningMean.value = runningMean.value * 0.9 + mean * 0.1
        runningVariance.value = runningVariance.value * 0.9 + variance * 0.1
        return output
    }
}

/// Smooths the greatest class of its targets, whatever else mixup has put there.
struct HardSmoothing: BatchWrapper {

    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        let probabilities = batch.probabilities(classes: 3)
        let hard = Batch(input: batch.input, target: probabilities.argmax()).probabilities(classes: 3)
        var batch = batch
        batch.target = hard * 0.9 + 0.1 / 3
        return batch
    }
}

/// The right one: smooths probabilities as they are.
struct Smoothing: BatchWrapper {

    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        var batch = batch
        batch.target = batch.probabilities(classes: 3) * 0.9 + 0.1 / 3
        return batch
    }
}

/// Mixes samples with those of the reversed batch, but takes the label of the greater part alone.
struct HardMixup: BatchWrapper {

    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        let order = Tensor(integers: (0..<Int32(batch.count)).reversed())
        let probabilities = batch.probabilities(classes: 3)
        let mixed = probabilities * 0.6 + probabilities.gathered(rows: order) * 0.4
        var result = batch
        result.target = mixed.argmax()
        result.target = result.probabilities(classes: 3)
        let flat = batch.input.flattened(from: 1)
        result.input = (flat * 0.6 + flat.gathered(rows: order) * 0.4).reshaped(to: batch.input.shape)
        return result
    }
}

/// Draws from the system, not from its context.
struct SystemNoise: LayerWrapper {
    var sites: [Site] { [.after(.activations)] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        guard context.isTraining else { return call.next() }
        let stream = RandomStream(seed: .random(in: 0 ... .max), purpose: "noise")
        return call.next() + .normal(call.input.shape, deviation: 0.1, from: stream)
    }
}

/// Lets only half the gradient through.
struct HalfPassage: LayerWrapper {
    var sites: [Site] { [.after(.activations)] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        let x = call.next()
        return x * 0.5 + x.detached * 0.5
    }
}

/// The first form of dropout, which does not scale what it keeps and makes up for it in evaluation, here by p, the
/// probability of zeroing, where it should be that of keeping.
struct ClassicDropout: LayerWrapper {
    let factor: Float

    var sites: [Site] { [.after(.activations)] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        let x = call.next()
        guard context.isTraining else { return x * factor }
        return dropout(x, probability: 0.3, from: context.random) * 0.7
    }
}

/// Multiplies the gradient, and leaves values alone.
struct LargeGradient: LayerWrapper {
    let factor: Float

    var sites: [Site] { [.after(.activations)] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        let factor = factor
        return .custom("large", inputs: [call.input], output: call.input) { [$0 * factor] }
    }
}

/// Adds a decay to the gradient of what flows through, which is in no loss and no penalty.
struct HiddenTerm: LayerWrapper {
    let strength: Float

    var sites: [Site] { [.after(.activations)] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        let (input, strength) = (call.input.detached, strength)
        return .custom("hidden", inputs: [call.input], output: input) { [$0 + input * strength] }
    }
}

/// A penalty of which one of two terms has a gradient, but no value.
struct HalfAccounted: LossPenalty {
    let strength: Float

    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        parameters.reduce(Tensor(0)) { sum, parameter in
            let hidden = parameter.value.sumOfMagnitudes() * strength
            return sum + parameter.value.sumOfSquares() * strength + hidden - hidden.detached
        }
    }
}

/// Counts the calls of layers, in the model and in what is called within it, where it should count steps.
struct CallCounter: LayerWrapper {
    var sites: [Site] { [.around(.model), .around(.kind("linear"))] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        let calls = context.scope.state("calls", [1], initial: .zeros)
        if context.isTraining { calls.value = calls.value + 1 }
        return call.next() * (1 + 0.01 * calls.value.detached.scalars[0])
    }
}
