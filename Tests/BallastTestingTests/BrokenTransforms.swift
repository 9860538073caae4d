import Ballast

/// Noise that fades as 1 / (1 + t), by a division of whole numbers: 1 at the first step, 0 ever after.
struct FadingNoise: GradientTransform {
    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        var gradients = gradients
        let deviation = Float(1 / (1 + context.globalStep))
        for index in 0..<gradients.count where deviation > 0 {
            let stream = context.scope.random(gradients.path(index))
            gradients[index] = gradients[index] + .normal(gradients[index].shape, deviation: deviation, from: stream)
        }
        return gradients
    }
}
