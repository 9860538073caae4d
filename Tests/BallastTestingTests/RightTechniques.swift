import Ballast

/// Drops what a layer gives for a whole batch at once: its samples share the draw.
struct StochasticDepth: LayerWrapper {
    var sites: [Site] { [.around(.kind("linear"))] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        let y = call.next()
        guard context.isTraining else { return y }
        return context.random.uniforms(1)[0] < 0.3 ? y * 0 : y * (1 / 0.7)
    }
}

/// Holds the weights near where training began, which it remembers at the first step.
struct StartingPoint: LossPenalty {
    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        parameters.weights.reduce(Tensor(0)) { sum, parameter in
            let start = context.scope.state("start.\(parameter.path)", parameter.value.shape, initial: .zeros)
            if context.globalStep == 0 { start.value = parameter.value.detached * 0.5 }
            return sum + (parameter.value - start.value).squared().sum() * 0.01
        }
    }
}

/// Takes the mean out of the gradient of each weight.
struct Centralization: GradientTransform {
    var parameters: ParameterSelector { .weights }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        var gradients = gradients
        gradients.transform { gradient, _ in gradient - gradient.mean() }
        return gradients
    }
}

/// Bounds the norm of the gradients, where it is greater.
struct Clipping: GradientTransform {
    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        var gradients = gradients
        gradients.scale(by: min(1, 0.1 / max(gradients.norm(), 1e-12)))
        return gradients
    }
}

/// Sharpness-aware minimization: others are called twice in a step, and draw the same numbers both times.
struct Sharpness: GradientTransform {
    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        let scale = 0.05 / max(gradients.norm(), 1e-12)
        return context.gradients(
            at: (0..<gradients.count).map { gradients.parameter($0) + gradients[$0] * scale })
    }
}

/// Turns the gradient around and leaves values alone (Ganin & Lempitsky, 2015): it is active all the same.
struct GradientReversal: LayerWrapper {
    var sites: [Site] { [.after(.activations)] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        .custom("reversal", inputs: [call.input], output: call.input) { [$0 * -1] }
    }
}

/// Offers the best epoch's parameters, as early stopping does.
struct BestEpoch: EpochCallback {
    func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision {
        let best = context.scope.number("best", initial: .infinity)
        guard let loss = epoch.validationLoss, loss < best.value else { return .continue }
        best.value = loss
        return EpochDecision(finalVariables: context.validatedVariables)
    }
}

/// Mixes each sample with the next one, inputs and targets alike.
struct NeighborMixup: BatchWrapper {
    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        var batch = batch
        let order = Tensor(integers: (0..<Int32(batch.count)).map { ($0 + 1) % Int32(batch.count) })
        let (flat, target) = (batch.input.flattened(from: 1), batch.probabilities(classes: context.classes ?? 1))
        batch.input = (flat * 0.7 + flat.gathered(rows: order) * 0.3).reshaped(to: batch.input.shape)
        batch.target = target * 0.7 + target.gathered(rows: order) * 0.3
        return batch
    }
}
