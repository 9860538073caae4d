internal import BallastCore

extension LawChecker {
    /// Gradients against central differences of the objective.
    ///
    /// They are compared along a direction of each parameter, and along what the technique adds to the gradients of all
    /// of them, where nothing of the loss hides an error of the technique.
    mutating func checkGradients(_ scene: Scene) throws {
        guard promises.contains(.exactGradients) else { return }
        if hooks.contains(.lossPenalty) { try compareGradients(LawChecker.silent(scene)) }
        guard wrapsLayers || hooks.contains(.lossPenalty) else { return }
        try compareGradients(scene)
        if wrapsLayers { try checkUnaccountedTerms(scene) }
    }

    /// The scene with a loss of 0, beside which a weak penalty is seen.
    private static func silent(_ scene: Scene) -> Scene {
        Scene(
            scene.name, model: scene.model, data: scene.data, validation: scene.validation,
            batchSize: scene.batchSize,
            loss: Loss("nothing", target: scene.loss.target) { output, _ in (output * 0).sum() })
    }

    /// Where the loss is 0, no gradient flows through layers, whatever wraps them.
    private mutating func checkUnaccountedTerms(_ scene: Scene) throws {
        guard !hooks.contains(.lossPenalty),
            !violations.contains(where: { $0.law == .gradients && $0.scene == scene.name })
        else { return }
        let catcher = GradientCatcher()
        try start(LawChecker.silent(scene), [catcher, make()]).step()
        for (path, gradient) in catcher.gradients.sorted(by: { $0.key < $1.key }) where LawChecker.norm(gradient) != 0 {
            report(
                .gradients, scene,
                "with a loss of 0, the gradient of \"\(path)\" has the norm \(LawChecker.norm(gradient)): it belongs to no term of the objective",
                "no gradient: a term of its own is a LossPenalty, which is accounted for")
            return
        }
    }

    /// Reports a gradient that is wrong from two of three starts: a kink lies near one of them, by chance.
    private mutating func compareGradients(_ scene: Scene) throws {
        guard !violations.contains(where: { $0.law == .gradients && $0.scene == scene.name }) else { return }
        var votes: [String: Int] = [:]
        for seed in [3, 4, 5] as [UInt64] {
            let result = try wrongGradients(scene, seed: seed)
            if result.wrong.isEmpty, !result.hasKinks { return }
            for wrong in result.wrong {
                votes[wrong.place, default: 0] += 1
                guard votes[wrong.place] == 2 else { continue }
                report(
                    .gradients, scene, wrong.seen,
                    "a difference of at most \(wrong.bound): is a factor detached, or your own gradient wrong?")
                return
            }
        }
    }

    private typealias WrongGradient = (place: String, seen: String, bound: Float)

    /// The gradients that do not agree with central differences, and whether a kink kept one from being compared.
    private func wrongGradients(_ scene: Scene, seed: UInt64) throws -> (wrong: [WrongGradient], hasKinks: Bool) {
        let catcher = GradientCatcher()
        let start = try objective(scene, seed: seed, at: nil, catcher: catcher)
        let gradients = catcher.gradients
        let line = ObjectiveLine(value: start.value) { path in
            { step in
                try self.objective(scene, seed: seed, at: start.variables.moved(by: path, times: step)).value
            }
        }
        var (wrong, hasKinks): ([WrongGradient], Bool) = ([], false)
        func compare(_ direction: [String: [Float]], _ bound: Float, _ place: String, _ words: String) throws {
            let expected = direction.reduce(0.0) { sum, part in
                zip(part.value, gradients[part.key] ?? []).reduce(sum) { $0 + Double($1.0) * Double($1.1) }
            }
            guard let slope = try line.slope(along: direction, bound: bound) else {
                hasKinks = true
                return
            }
            guard !(abs(slope.value - expected) <= slope.bound) else { return }
            wrong.append(
                (
                    place,
                    "the objective changes by \(Float(slope.value)) per unit along \(words), by central differences, but the gradient says \(Float(expected))",
                    Float(slope.bound)
                ))
        }
        // Half the gradient's direction and half a random one.
        for parameter in start.variables.parameters {
            guard let gradient = gradients[parameter.path] else { continue }
            let norm = LawChecker.norm(gradient)
            let noise = RandomStream(seed: 17, purpose: parameter.path).uniforms(gradient.count)
            let mixed = zip(gradient, noise).map { gradient, uniform in
                gradient / max(norm, 1e-20) + (uniform < 0.5 ? -1 : 1) / Float(noise.count).squareRoot()
            }
            try compare(
                [parameter.path: LawChecker.normalized(mixed)], 0.003 * norm, parameter.path,
                "a direction of \"\(parameter.path)\" of shape \(parameter.value.shape)")
        }
        let added = try addition(to: gradients, scene, seed: seed, at: start.variables)
        let norm = LawChecker.norm(added.values.flatMap { $0 })
        if norm > 0 {
            try compare(
                added.mapValues { $0.map { $0 / norm } }, 0.01 * norm, "all",
                "what the technique adds to the gradients, which has the norm \(norm)")
        }
        return (wrong, hasKinks)
    }

    /// What the technique adds to the gradients of the second step, by path.
    private func addition(
        to gradients: [String: [Float]], _ scene: Scene, seed: UInt64, at variables: Variables
    ) throws -> [String: [Float]] {
        let catcher = GradientCatcher()
        let bare = try start(scene, [catcher], seed: seed)
        try bare.step()
        try bare.replaceVariables(LawChecker.known(variables, to: bare))
        try bare.step()
        let own = catcher.gradients
        return gradients.reduce(into: [:]) { result, entry in
            result[entry.key] = own[entry.key].map { zip(entry.value, $0).map { $0 - $1 } } ?? entry.value
        }
    }

    /// The objective of the second step at given variables, and the variables.
    ///
    /// The first step is made for techniques that remember where training began.
    private func objective(
        _ scene: Scene, seed: UInt64 = 3, at variables: Variables?, catcher: GradientCatcher = GradientCatcher()
    ) throws -> (value: Double, variables: Variables) {
        let recorder = EffectRecorder()
        var losses: [Double] = []
        let run = try start(scene, [catcher, recording(make(), in: recorder, detail: .turn)], seed: seed) { event in
            if case .stepped(let run) = event { losses.append(run.currentLoss) }
        }
        try run.step()
        if let variables { try run.replaceVariables(variables) }
        let before = run.variables
        try run.step()
        let penalties = recorder.entries.filter { $0.hook == .lossPenalty && $0.step == 1 && $0.isTraining }
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

    private static func normalized(_ values: [Float]) -> [Float] {
        let length = max(norm(values), 1e-20)
        return values.map { $0 / length }
    }
}

/// The objective along directions from one point.
private struct ObjectiveLine {
    /// The objective at the point.
    let value: Double
    /// The objective at a step along a direction.
    let objective: (_ direction: [String: [Float]]) -> (_ step: Float) throws -> Double

    /// The derivative along a direction of length 1, by central differences with two steps, extrapolated to none; nil
    /// where halving the step changes the quotient, since there is a kink between.
    func slope(along direction: [String: [Float]], bound: Float) throws -> (value: Double, bound: Double)? {
        let objective = objective(direction)
        func quotient(_ step: Float) throws -> Double {
            (try objective(step) - objective(-step)) / (2 * Double(step))
        }
        for step in [0.02, 0.004] as [Float] {
            let (coarse, fine) = (try quotient(step), try quotient(step / 2))
            // What rounding a float leaves open.
            let bound = Double(bound) + 1e-6 * abs(value) / Double(step) + 1e-12
            guard abs(coarse - fine) <= bound / 2 else { continue }
            return (fine + (fine - coarse) / 3, bound)
        }
        return nil
    }
}

extension Variables {
    /// The variables with some parameters moved.
    fileprivate func moved(by direction: [String: [Float]], times step: Float) -> Variables {
        mapParameters { entry in
            direction[entry.path].map { entry.value + Tensor($0, shape: entry.value.shape) * step } ?? entry.value
        }
    }
}
