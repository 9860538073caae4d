internal import BallastCore

extension LawChecker {
    /// Variables that a callback offers for validation, or for the end, follow the parameters.
    mutating func checkAverages(_ scene: Scene) throws {
        guard promises.contains(.offersAverages), hooks.contains(.epochCallback) else { return }
        // While the parameters stay what they are, so do their averages.
        let (still, start) = try offers(scene, epochs: 2, learningRate: 0)
        for offer in still where offer.current.allSatisfy({ start[$0.key].map($0.value.hasSameValues) ?? true }) {
            for (path, value) in offer.returned.sorted(by: { $0.key < $1.key }) {
                guard let parameter = offer.current[path] else { continue }
                let wrong = LawChecker.largest(value.tensor, parameter.tensor)
                let scale = parameter.tensor.scalars.map(abs).max() ?? 0
                guard !(wrong <= 1e-5 * max(scale, 1)) else { continue }
                report(
                    .average, scene,
                    "at a learning rate of 0, after step \(offer.step), the offered \"\(path)\" differs from the parameter by \(wrong)",
                    "the parameter: does the average begin at it, and do its weights sum to 1?")
                return
            }
        }
        try checkLastStep(scene)
    }

    /// What is offered depends on the last step. An average of every k-th step does so at one epoch in k at least.
    private mutating func checkLastStep(_ scene: Scene) throws {
        var isOffered = false
        for epochs in 1...5 {
            let last = epochs * scene.stepsPerEpoch
            guard let plain = try offers(scene, epochs: epochs).offers.last, plain.step == last else { continue }
            let nudged = try offers(scene, epochs: epochs, nudgedAt: last - 1).offers
            guard let nudged = nudged.last, nudged.step == last else { continue }
            isOffered = true
            let moved = plain.returned.reduce(0) { sum, entry in
                sum + (nudged.returned[entry.key].map { distance($0.tensor, entry.value.tensor) } ?? 0)
            }
            if moved > 0 { return }
        }
        guard isOffered else { return }
        report(
            .average, scene, "another last step of an epoch does not change what is offered after it",
            "averages that hold the parameters after the step: is an average taken before the update is added? Let its stage be .applied"
        )
    }

    /// The variables that are offered in a run, and the parameters that the run began with.
    private func offers(
        _ scene: Scene, epochs: Int, learningRate: Float = 0.05, nudgedAt step: Int? = nil
    ) throws -> (offers: [EffectRecorder.Entry], start: [String: EffectRecorder.Values]) {
        let recorder = EffectRecorder()
        let run = try scene.trainer(
            [Nudge(step: step ?? -1), recording(make(), in: recorder, detail: .values)], learningRate: learningRate
        ).start(scene.data, validation: scene.validation, epochs: epochs, seed: 3)
        let start = EffectRecorder.values(run.variables)
        try run.finish()
        return (recorder.entries.filter { $0.hook == .epochCallback && !$0.returned.isEmpty }, start)
    }
}

extension EffectRecorder.Values {
    fileprivate func hasSameValues(as other: Self) -> Bool { distance(tensor, other.tensor) == 0 }
}

/// Moves the parameters by a little more at one step.
private struct Nudge: GradientTransform {
    let step: Int

    var name: String { "law nudge" }
    var stage: GradientStage { .update }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        guard context.globalStep == step else { return gradients }
        var gradients = gradients
        gradients.transform { update, _ in update + 0.01 }
        return gradients
    }
}
