internal import BallastCore

extension LawChecker {
    /// Evaluation is a function of the sample and the variables, and the one that was promised.
    mutating func checkEvaluation(_ scene: Scene) throws {
        let run = try fit(scene, [make()])
        let input = LawChecker.inputs(scene.validation)
        let output = try run.predict(input)
        let before = run.variables
        if distance(try run.predict(input), output) != 0 {
            report(
                .evaluation, scene, "the same input gives two outputs in evaluation",
                "the same bits twice: does it draw in evaluation?")
        }
        if let wrong = difference(run.variables, before) {
            report(.evaluation, scene, "evaluating changes a variable: \(wrong)", "variables that stay")
        }
        if promises.contains(.evaluatesSamplesApart) {
            let alone = try run.predict(input.slice(axis: 0, 0..<1))
            let wrong = LawChecker.largest(alone, output.slice(axis: 0, 0..<1))
            if !(wrong <= 1e-4) {
                report(
                    .evaluation, scene,
                    "the output of a sample changes by \(wrong) with the other samples of its batch",
                    "a function of the sample alone: does it look at the phase?")
            }
        }
        try checkStatedFunction(scene)

        let loss = try run.evaluate(scene.validation).loss
        if !hooks.contains(.epochCallback), let recorded = run.history.last?.validationLoss, recorded != loss {
            report(.validation, scene, "an epoch records \(recorded), evaluating gives \(loss)", "the same number")
        }
        guard promises.contains(.evaluationIsIdentity) || !wrapsLayers else { return }
        let bare = try start(scene, [])
        try bare.replaceVariables(LawChecker.known(run.variables, to: bare))
        let wrong = LawChecker.largest(output, try bare.predict(input))
        if !(wrong <= 1e-5) {
            report(
                .evaluation, scene, "the output in evaluation is changed by \(wrong)",
                "the identity: does it look at the phase?")
        }
        let data = try bare.evaluate(scene.validation).loss
        if !(abs(loss - data) <= 1e-6 * max(1, abs(data))) {
            report(
                .validation, scene, "the validation loss is \(Float(loss)), with something of the technique in it",
                "\(Float(data)), the loss of the data under the same parameters")
        }
    }

    /// What sites compute in evaluation is what the author states.
    private mutating func checkStatedFunction(_ scene: Scene) throws {
        guard let evaluation, wrapsLayers else { return }
        let recorder = EffectRecorder()
        let run = try start(scene, [recording(make(), in: recorder, detail: .values)])
        _ = try run.predict(LawChecker.inputs(scene.validation))
        for entry in recorder.entries where !entry.isTraining {
            guard let input = entry.given["input"]?.tensor, let output = entry.returned["output"]?.tensor else {
                continue
            }
            let wrong = LawChecker.largest(output, evaluation(input))
            if !(wrong <= 1e-4) {
                report(
                    .evaluation, scene, "\(entry.place) gives values that differ by \(wrong) in evaluation",
                    "the stated function of its input of shape \(input.shape)")
                return
            }
        }
    }

    /// The variables that another run has too.
    static func known(_ variables: Variables, to run: Run) -> Variables {
        Variables(entries: variables.entries.filter { run.variables[$0.path] != nil })
    }

    static func inputs(_ data: Dataset) -> Tensor {
        data.batches(ofSize: data.count).first { _ in true }?.input ?? Tensor(0)
    }

    /// The largest difference; infinite for other shapes.
    static func largest(_ first: Tensor, _ second: Tensor) -> Float {
        guard first.shape == second.shape else { return .infinity }
        return zip(first.scalars, second.scalars).reduce(0) { largest, pair in
            let difference = abs(pair.0 - pair.1)
            return difference <= largest ? largest : difference
        }
    }
}
