internal import BallastCore
internal import Synchronization

extension Examination {
    /// Penalties and wrappers against central differences of the objective, in one direction for each parameter.
    ///
    /// A direction is half the gradient's and half a random one. Where halving the step changes the quotient, there is
    /// a kink between, and the direction says nothing.
    mutating func checkGradients(_ scene: Scene) throws {
        guard promises.contains(.exactGradients) else { return }
        if hooks.contains(.lossPenalty) { try compareGradients(Examination.silent(scene)) }
        if wrapsLayers { try compareGradients(scene) }
    }

    /// The parameters, and what a penalty alone gives as their gradients at the second step.
    func gradientsOfPenalty(_ scene: Scene) throws -> (parameters: [Variables.Entry], gradients: [String: [Float]]) {
        let catcher = GradientCatcher()
        let start = try objective(Examination.silent(scene), at: nil, catcher: catcher)
        return (start.variables.parameters, catcher.gradients)
    }

    /// The scene without the loss of the data, beside which a weak penalty would not be seen.
    private static func silent(_ scene: Scene) -> Scene {
        Scene(
            scene.name, model: scene.model, data: scene.data, validation: scene.validation,
            batchSize: scene.batchSize,
            loss: Loss("nothing", target: scene.loss.target) { output, _ in (output * 0).sum() })
    }

    /// Reports a parameter whose gradient is wrong from two starts: a kink lies in the way of one of them, by chance.
    private mutating func compareGradients(_ scene: Scene) throws {
        let first = try wrongGradients(scene, seed: 3)
        guard !first.isEmpty else { return }
        let second = try wrongGradients(scene, seed: 4)
        guard let wrong = first.first(where: { one in second.contains { $0.path == one.path } }) else { return }
        report(.gradients, scene, wrong.seen, wrong.expected)
    }

    /// The parameters whose gradient does not agree with central differences, and how it does not.
    private func wrongGradients(
        _ scene: Scene, seed: UInt64
    ) throws -> [(path: String, seen: String, expected: String)] {
        var wrong: [(path: String, seen: String, expected: String)] = []
        let catcher = GradientCatcher()
        let start = try objective(scene, seed: seed, at: nil, catcher: catcher)
        let gradients = catcher.gradients
        for (number, parameter) in start.variables.parameters.enumerated() {
            guard let gradient = gradients[parameter.path] else { continue }
            let norm = Examination.norm(gradient)
            let noise = RandomStream(seed: 17, purpose: parameter.path).uniforms(gradient.count).map {
                $0 < 0.5 ? -1 : 1
            }
            let mixed = zip(gradient, noise).map {
                ($0 / max(norm, 1e-20)) + Float($1) / Float(gradient.count).squareRoot()
            }
            let length = max(Examination.norm(mixed), 1e-20)
            let direction = mixed.map { $0 / length }
            let expected = zip(gradient, direction).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            func slope(_ step: Float) throws -> Double {
                let high = try objective(
                    scene, seed: seed, at: start.variables.moved(number, by: direction, times: step))
                let low = try objective(
                    scene, seed: seed, at: start.variables.moved(number, by: direction, times: -step))
                return (high.value - low.value) / (2 * Double(step))
            }
            let step: Float = 0.01
            let (coarse, fine) = (try slope(step), try slope(step / 2))
            let noiseBound = 1e-6 * abs(start.value) / Double(step) * 2 + 1e-12
            let bound = 0.02 * Double(norm) + noiseBound
            guard abs(coarse - fine) <= bound / 2, !(abs(fine - expected) <= bound) else { continue }
            wrong.append(
                (
                    path: parameter.path,
                    seen:
                        "the objective changes by \(Float(fine)) per unit along a direction of \"\(parameter.path)\" of shape \(parameter.value.shape), by central differences, but the gradient says \(Float(expected))",
                    expected:
                        "a difference of at most \(Float(bound)): is a factor detached, or a gradient of one's own wrong?"
                ))
        }
        return wrong
    }

    /// The objective of the second step at given variables, and the variables.
    ///
    /// The first step is made for techniques that remember where training began.
    private func objective(
        _ scene: Scene, seed: UInt64 = 3, at variables: Variables?, catcher: GradientCatcher = GradientCatcher()
    ) throws -> (value: Double, variables: Variables) {
        let journal = Journal()
        var losses: [Double] = []
        let run = try start(scene, [catcher, standIn(for: make(), journal: journal)], seed: seed) { event in
            if case .stepped(let run) = event { losses.append(run.currentLoss) }
        }
        try run.step()
        if let variables { try run.replaceVariables(variables) }
        let before = run.variables
        try run.step()
        let penalties = journal.entries.filter { $0.hook == .lossPenalty && $0.step == 1 && $0.isTraining }
        return (loss(scene, losses) + penalties.reduce(0) { $0 + $1.effect }, before)
    }

    /// The loss of the second step, from the means over the epoch so far.
    private func loss(_ scene: Scene, _ means: [Double]) -> Double {
        guard means.count == 2, scene.stepsPerEpoch > 1 else { return means.last ?? .nan }
        let sizes = [scene.batchSize, min(scene.batchSize, scene.data.count - scene.batchSize)].map(Double.init)
        return (means[1] * (sizes[0] + sizes[1]) - means[0] * sizes[0]) / sizes[1]
    }

    private static func norm(_ values: [Float]) -> Float {
        Float(values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot())
    }
}

extension Variables {
    /// The variables with one parameter moved.
    fileprivate func moved(_ number: Int, by direction: [Float], times step: Float) -> Variables {
        let path = parameters[number].path
        return mapParameters { entry in
            entry.path == path ? entry.value + Tensor(direction, shape: entry.value.shape) * step : entry.value
        }
    }
}

/// Writes down the gradients of the last step.
private final class GradientCatcher: GradientTransform {
    private let byPath = Mutex<[String: [Float]]>([:])

    var name: String { "law gradients" }
    var gradients: [String: [Float]] { byPath.withLock { $0 } }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        var all: [String: [Float]] = [:]
        for index in 0..<gradients.count { all[gradients.path(index)] = gradients[index].scalars }
        byPath.withLock { [all] in $0 = all }
        return gradients
    }
}
