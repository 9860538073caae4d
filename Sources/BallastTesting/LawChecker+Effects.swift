internal import BallastCore

extension LawChecker {
    /// What acts at the first step acts at the second and at the last; it acts at all.
    ///
    /// A penalty acts if it changes gradients, a wrapper if it changes what flows through or gradients.
    mutating func checkActivity(_ scene: Scene) throws {
        guard promises.contains(.staysActive) else { return }
        let recorder = EffectRecorder()
        let run = try fit(scene, [recording(make(), in: recorder)], epochs: 4)
        let entries = recorder.entries.filter { $0.isTraining && $0.hook != .epochCallback }
        let last = run.stepCount - 1
        guard last > 0 else { return }
        var gradientEffects: [Int: Double]?
        for hook in hooks where hook != .epochCallback {
            func effect(_ steps: ClosedRange<Int>) throws -> Double {
                let change = entries.filter { $0.hook == hook && steps.contains($0.step) }
                    .reduce(0) { $0 + abs($1.effect) }
                // A wrapper may change the gradient alone; a penalty that does not is none.
                guard hook == .forwardWrapper && change == 0 || hook == .lossPenalty && change != 0 else {
                    return change
                }
                let effects = try gradientEffects ?? self.gradientEffects(scene, epochs: 4)
                gradientEffects = effects
                return effects.reduce(0) { steps.contains($1.key) ? $0 + $1.value : $0 }
            }
            if try effect(0...last) == 0, !hooks.contains(.epochCallback) {
                report(
                    .active, scene, "at hook \(hook.rawValue) it changes nothing at any of \(last + 1) steps",
                    "an effect: does its selection match anything, is its strength not zero? What acts only where it is needed does not promise .staysActive"
                )
                continue
            }
            guard try effect(0...0) != 0 else { continue }
            // What draws may draw nothing at one step: of wrappers, a half of the run counts.
            let draws = hook == .forwardWrapper
            let second = draws ? 1...max(1, last / 2) : 1...1
            let end = draws ? max(1, last / 2)...last : last...last
            for (steps, words) in [(second, "second"), (end, "last")] {
                guard try effect(steps) == 0 else { continue }
                report(
                    .active, scene, "at hook \(hook.rawValue) it acts at the first step, but no longer at the \(words)",
                    "an effect at every step: is something used up, or kept in a property? What acts only where it is needed does not promise .staysActive"
                )
                break
            }
        }
    }

    /// How much the technique changes the gradients, by step.
    private func gradientEffects(_ scene: Scene, epochs: Int) throws -> [Int: Double] {
        let (changed, own) = (GradientCatcher(), GradientCatcher())
        let run = try start(scene, [make(), changed], epochs: epochs)
        let bare = try start(scene, [own], epochs: epochs)
        var effects: [Int: Double] = [:]
        while !run.isFinished {
            let step = run.stepCount
            try bare.replaceVariables(LawChecker.known(run.variables, to: bare))
            try run.step()
            try bare.step()
            let before = own.gradients
            effects[step] = changed.gradients.reduce(0) { sum, entry in
                zip(entry.value, before[entry.key] ?? []).reduce(sum) { $0 + Double(abs($1.0 - $1.1)) }
            }
        }
        return effects
    }

    /// The value of a penalty: a mean over the batch, and of the promised degree.
    mutating func checkPenalty(_ scene: Scene) throws {
        guard hooks.contains(.lossPenalty) else { return }
        func penalty(_ scene: Scene, scaling factor: Float = 1) throws -> Double {
            let recorder = EffectRecorder()
            let run = try start(scene, [recording(make(), in: recorder)])
            if factor != 1 { try run.replaceVariables(run.variables.mapParameters { $0.value * factor }) }
            try run.step()
            return recorder.entries.first { $0.hook == .lossPenalty && $0.isTraining }?.effect ?? .nan
        }
        let count = scene.data.count
        let once = scene.with(data: scene.data, batchSize: count)
        let twice = scene.with(data: scene.data.subset(Array(0..<count) + Array(0..<count)), batchSize: 2 * count)
        let value = try penalty(once)
        if promises.contains(.independentOfBatchSize) {
            let doubled = try penalty(twice)
            if !(abs(doubled - value) <= 1e-3 * abs(value) + 1e-7) {
                report(
                    .batchSize, scene,
                    "on a batch of \(count) samples the penalty is \(Float(value)), on each of them twice \(Float(doubled)), \(Float(doubled / value)) times as much",
                    "the same penalty: a mean over the batch, not a sum")
            }
        }
        if let degree {
            let scaled = try penalty(once, scaling: 2)
            let factor = (0..<degree).reduce(1.0) { power, _ in power * 2 }
            if !(abs(scaled - factor * value) <= 1e-3 * abs(factor * value)) {
                report(
                    .degree, scene, "with all parameters doubled the penalty is \(Float(scaled / value)) times as much",
                    "\(Float(factor)) times, as a penalty of degree \(degree) is: is it a norm in place of its square?")
            }
        }
    }

    /// Extreme input that the bare model trains on gives finite numbers with the technique, too.
    mutating func checkExtremes(_ scene: Scene) throws {
        for scale in [Float(0), 1e-30, 1e4] {
            let extreme = Scene(
                scene.name, model: scene.model, data: LawChecker.scaled(scene.data, scale),
                validation: LawChecker.scaled(scene.validation, scale), batchSize: scene.batchSize, loss: scene.loss)
            guard (try? fit(extreme, [], learningRate: 1e-9)) != nil else { continue }
            do {
                let run = try fit(extreme, [make()], learningRate: 1e-9)
                let values = run.history.flatMap { record -> [Double] in
                    [record.trainLoss, record.validationLoss ?? 0] + record.penalties.map(\.value)
                }
                if let bad = values.first(where: { !$0.isFinite }) {
                    report(.finite, scene, "input times \(scale) gives \(bad)", "finite numbers, as without it")
                }
            } catch {
                report(.finite, scene, "input times \(scale) ends in: \(error)", "finite numbers, as without it")
            }
        }
    }

    private static func scaled(_ data: Dataset, _ scale: Float) -> Dataset {
        guard let batch = data.batches(ofSize: data.count).first(where: { _ in true }),
            batch.input.scalarType == .float32
        else { return data }
        let inputs = try? Column(
            floats: (batch.input * scale).scalars, itemShape: Shape(batch.input.shape.dropFirst()))
        guard let inputs, let scaled = try? Dataset(inputs: inputs, targets: data.targets), scaled.count == data.count
        else { return data }
        return scaled
    }
}
