internal import BallastCore

extension Examination {
    /// What acts at the first step acts at the second and at the last; it acts at all.
    mutating func checkActivity(_ scene: Scene) throws {
        guard promises.contains(.staysActive) else { return }
        let journal = Journal()
        let run = try fit(scene, [standIn(for: make(), journal: journal)], epochs: 4)
        let entries = journal.entries.filter { $0.isTraining && $0.hook != .epochCallback }
        let last = run.stepCount - 1
        guard last > 0 else { return }
        for hook in hooks where hook != .epochCallback {
            func effect(_ steps: ClosedRange<Int>) -> Double {
                entries.filter { $0.hook == hook && steps.contains($0.step) }.reduce(0) { $0 + abs($1.effect) }
            }
            if effect(0...last) == 0, !hooks.contains(.epochCallback) {
                report(
                    .active, scene, "at hook \(hook.rawValue) it changes nothing at any of \(last + 1) steps",
                    "an effect: does its selection match anything, is its strength not zero? What acts only where it is needed does not promise .staysActive"
                )
                continue
            }
            guard effect(0...0) != 0 else { continue }
            // What draws may draw nothing at one step: of wrappers, a half of the run counts.
            let draws = hook == .forwardWrapper
            let second = draws ? 1...max(1, last / 2) : 1...1
            let end = draws ? max(1, last / 2)...last : last...last
            for (steps, words) in [(second, "second"), (end, "last")] where effect(steps) == 0 {
                report(
                    .active, scene, "at hook \(hook.rawValue) it acts at the first step, but no longer at the \(words)",
                    "an effect at every step: is something used up, or kept in a property? What acts only where it is needed does not promise .staysActive"
                )
                break
            }
        }
    }

    /// The value of a penalty: a mean over the batch, and of the promised degree.
    mutating func checkPenalty(_ scene: Scene) throws {
        guard hooks.contains(.lossPenalty) else { return }
        func penalty(_ scene: Scene, scaling factor: Float = 1) throws -> Double {
            let journal = Journal()
            let run = try start(scene, [standIn(for: make(), journal: journal)])
            if factor != 1 { try run.replaceVariables(run.variables.mapParameters { $0.value * factor }) }
            try run.step()
            return journal.entries.first { $0.hook == .lossPenalty && $0.isTraining }?.effect ?? .nan
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
                scene.name, model: scene.model, data: Examination.scaled(scene.data, scale),
                validation: Examination.scaled(scene.validation, scale), batchSize: scene.batchSize, loss: scene.loss)
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
