import BallastPlugins

/// Runs what the effects of samples take, at full size over five seeds, and says whether they show.
struct EffectRunner {
    private let session: Session

    init(_ invocation: Invocation) throws { session = try Session(invocation, seedCount: 5) }

    /// Looks for the effects of samples, one after the other.
    ///
    /// - Returns: the exit code: 0 if all that are expected show, 1 if one does not, 130 after Ctrl-C.
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
            for observation in try Observation.all(sample.effects, in: results) {
                session.write(observation.fields(of: sample.name))
                let isExpected = observation.effect.isExpected
                if isExpected, !observation.shows { missing += 1 }
                print("\(observation.description)\(isExpected || observation.shows ? "" : ", nor is it expected to")")
            }
            print()
        }
        if !session.isInterrupted {
            print(
                missing == 0
                    ? "All effects that are expected show (\(session.duration))."
                    : "\(missing) of the effects that are expected \(missing == 1 ? "does" : "do") not show (\(session.duration))."
            )
        }
        return try session.end(missing == 0 ? 0 : 1)
    }
}
