import BallastPlugins

/// Runs the compositions that the effects of samples need, at full size with five seeds, and reports the effects.
struct EffectRunner {
    private let session: Session

    init(_ invocation: Invocation) throws { session = try Session(invocation, seedCount: 5) }

    /// Checks the effects of samples, one sample after the other.
    ///
    /// - Returns: the exit code: 0 if all expected effects were observed, 1 if one was not, 130 after Ctrl-C.
    func run(_ samples: [Sample]) throws -> Int32 {
        var missing = 0
        for sample in samples where !session.isInterrupted {
            var experiment = try session.prepare(sample)
            let names = Set(sample.effects.flatMap(\.compositions))
            experiment.compositions.removeAll { !names.contains($0.name) }
            print(session.heading(sample, experiment))
            Terminal.flush()
            var results: [ComparedRun] = []
            try session.run(sample, experiment, in: sample.name, isBrief: true, adding: &results)
            guard !session.isInterrupted else { break }
            for result in try EffectResult.all(sample.effects, in: results) {
                session.write(result.fields(of: sample.name))
                if result.effect.isExpected, !result.isObserved { missing += 1 }
                print(result.description)
            }
            print()
        }
        if !session.isInterrupted {
            print(
                missing == 0
                    ? "All expected effects were observed (\(session.duration))."
                    : "\(missing) expected \(missing == 1 ? "effect was" : "effects were") not observed (\(session.duration))."
            )
        }
        return try session.end(missing == 0 ? 0 : 1)
    }
}
