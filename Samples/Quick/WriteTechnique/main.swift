// Writes a technique and trains with it: `swift run quick-technique`.
import Ballast

/// Adds noise to the gradients that fades with time: g ← g + N(0, η / (1 + t)^γ) (Neelakantan et al., 2015).
struct GradientNoise: GradientTransform {
    /// η, the variance at the first step.
    var variance: Float = 0.01
    /// γ, how fast the noise fades.
    var decay: Float = 0.55

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        let time = Tensor(Float(1 + context.globalStep))
        let deviation = variance.squareRoot() * (time.log() * (-decay / 2)).exp().item
        var noisy = gradients
        for index in noisy.indices {
            // Keyed by seed, technique, path and step: the same in every run, whatever else is composed.
            let stream = context.scope.random(noisy.path(index))
            noisy[index] = noisy[index] + .normal(noisy[index].shape, deviation: deviation, from: stream)
        }
        return noisy
    }
}

let inputs = RandomStream(seed: 1, purpose: "inputs").uniforms(400).map { [$0 * 4 - 2] }
let data = try Dataset(inputs: inputs, targets: inputs.map { [$0[0] * $0[0]] })
let (validation, train) = data.split(0.25)

let model = Sequential {
    Linear(16); Tanh()
    Linear(1)
}
for noise in [nil, GradientNoise()] {
    let trainer = Trainer(model, loss: .meanSquaredError, optimizer: Adam(learningRate: 0.01)) {
        if let noise { noise }
    }
    let run = try trainer.fit(train, validation: validation, epochs: 60, seed: 3)
    print("\(noise == nil ? "without" : "with") noise: validation loss \(try run.evaluate(validation).loss)")
}
