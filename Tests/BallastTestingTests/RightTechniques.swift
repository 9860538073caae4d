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
