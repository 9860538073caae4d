internal import BallastCore

extension LawChecker {
    /// Two instances act in the order in which they are listed, at each hook and place, and the plan says so.
    mutating func checkOrder(_ scene: Scene) throws {
        for names in [["First", "Second"], ["Second", "First"]] {
            let recorder = EffectRecorder()
            let pair = names.map { recording(make(), named: $0, in: recorder, detail: .turn) }
            let plan = try scene.trainer(pair).plan(for: scene.data, validation: scene.validation, epochs: 1)
            _ = try fit(scene, pair, epochs: 1)
            for hook in hooks {
                let planned = plan.entries.filter { $0.hook == hook }.map(\.technique)
                if planned != names {
                    report(.order, scene, "the plan lists \(planned) at hook \(hook.rawValue)", "\(names), as composed")
                }
                let entries = recorder.entries.filter { $0.hook == hook }
                for (place, group) in Dictionary(grouping: entries, by: \.place) {
                    var turns: [String] = []
                    for entry in group where turns.last != entry.technique { turns.append(entry.technique) }
                    // Around a layer, the outer one may do without the inner one, but never the other way round.
                    let mayBeSkipped = place.hasPrefix("around") && turns.contains(names[0])
                    let kept = mayBeSkipped ? turns.drop { $0 == names[1] } : turns[...]
                    let isKept = kept.enumerated().allSatisfy { $0.element == names[$0.offset % 2] }
                    guard !isKept else { continue }
                    let site = "at hook \(hook.rawValue)\(place.isEmpty ? "" : " (\(place))")"
                    if turns.count == 1 {
                        report(
                            .order, scene,
                            "\(site) of \(names[0]) and \(names[1]), in this order, only \(turns[0]) acts",
                            "both: around a layer, call.next() is what runs the layer with the techniques listed before"
                        )
                    } else {
                        report(
                            .order, scene, "\(site) \(turns.prefix(4)) acted, in this order",
                            "\(names) in turn, as listed")
                    }
                    return
                }
            }
        }
    }

    /// After cancellation or an error, a run has the variables that training had reached.
    mutating func checkUndoing(_ scene: Scene) throws {
        var stepped: [Variables] = []
        var ended: [(steps: Int, variables: Variables)] = []
        let run = try fit(scene, [make()], epochs: 3) { event in
            switch event {
            case .stepped(let run): stepped.append(run.variables)
            case .epochEnded(let run, _): ended.append((run.stepCount, run.variables))
            default: break
            }
        }
        checkSwaps(scene, stepped, ended.filter { $0.steps < run.stepCount })

        let last = min(2, stepped.count - 1)
        guard last > 0 else { return }
        let cancellation = Cancellation()
        let cancelled = try fit(scene, [make()], epochs: 3, cancellation: cancellation) { event in
            if case .stepped(let run) = event, run.stepCount == last { cancellation.cancel() }
        }
        let expected = ended.first { $0.steps == last }?.variables ?? stepped[last - 1]
        // A run that a technique gives other variables to validate, or to end with, ends with those.
        let endsWithItsOwn = stepped.last.map { difference(run.variables, $0) == nil } ?? true
        if endsWithItsOwn, cancelled.stepCount == last, let wrong = difference(cancelled.variables, expected) {
            report(.undone, scene, "cancelled after step \(last), \(wrong)", "the variables of that step")
        }
        let broken = try start(scene, [make(), Saboteur(step: last)], epochs: 3)
        let error: (any Error)? = {
            do { try broken.finish() } catch { return error }
            return nil
        }()
        if error != nil, broken.stepCount == last, let wrong = difference(broken.variables, expected) {
            report(.undone, scene, "after an error at step \(last), \(wrong)", "the variables of the last good step")
        }
    }

    /// Finds variables that differ between two epochs only: training continues from those before.
    private mutating func checkSwaps(
        _ scene: Scene, _ stepped: [Variables], _ ended: [(steps: Int, variables: Variables)]
    ) {
        for (steps, between) in ended where steps < stepped.count {
            let (before, after) = (stepped[steps - 1], stepped[steps])
            let swap = LawChecker.distance(before, between)
            let (back, on) = (LawChecker.distance(before, after), LawChecker.distance(between, after))
            guard swap > 1e-6, on > 1.5 * back else { continue }
            report(
                .undone, scene,
                "after epoch \(steps / scene.stepsPerEpoch - 1) the run is left with variables \(Float(swap)) away from those of its last step, and training continues from the latter: a run that is cancelled there, or fails in the next step, keeps what was swapped in",
                "variables for validation alone: return them from variablesForValidation(in:)"
            )
            return
        }
    }

    private static func distance(_ first: Variables, _ second: Variables) -> Double {
        first.parameters.reduce(0) { sum, entry in
            sum + (second[entry.path].map { BallastTesting.distance(entry.value, $0) } ?? 0)
        }
    }
}

/// Makes the input of a step a number that is none.
private struct Saboteur: BatchWrapper {
    let step: Int

    var name: String { "law saboteur" }

    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        guard context.globalStep == step else { return batch }
        var batch = batch
        batch.input = .full(batch.input.shape, .nan)
        return batch
    }
}
