import BallastPlugins

/// Runs samples with the options of the command line, and reports the results.
struct SampleRunner {
    private let session: Session
    private let isTour: Bool

    init(_ invocation: Invocation) throws {
        session = try Session(invocation)
        isTour = invocation.command == .tour
    }

    /// Runs samples one after the other.
    ///
    /// - Returns: the exit code: 0, or 130 after Ctrl-C.
    func run(_ samples: [Sample]) throws -> Int32 {
        let name = isTour ? "tour" : samples[0].name
        var page = Page(isTour ? "Regularization, a tour" : name, name: name, invocation: session.invocation)
        for sample in samples where !session.isInterrupted {
            try run(sample, on: &page)
        }
        try page.write()
        if isTour, !session.isInterrupted {
            print(
                "The tour took \(session.duration). For a sample at full size: samples run NAME; for more: samples help"
            )
        }
        return try session.end()
    }

    private func run(_ sample: Sample, on page: inout Page) throws {
        let start = ContinuousClock.now
        let experiment = try session.prepare(sample).varied(session.options)
        print(session.heading(sample, experiment))
        Terminal.flush()

        var results: [ComparedRun] = []
        do {
            try session.run(sample, experiment, in: sample.name, isBrief: isTour, adding: &results)
        } catch {
            // Report the runs that have ended.
            report(results, [], of: sample, since: start)
            throw error
        }
        let effects = try EffectResult.all(sample.effects, in: results)
        for effect in effects { session.write(effect.fields(of: sample.name)) }
        report(results, effects, of: sample, since: start)
        try page.add(sample, experiment, results, effects, facts: session.facts(sample, experiment))
    }

    private func report(
        _ results: [ComparedRun], _ effects: [EffectResult], of sample: Sample, since start: ContinuousClock.Instant
    ) {
        Terminal.clearLine()
        guard !results.isEmpty else { return }
        if !Terminal.isInteractive, !isTour { print() }
        print("\(ComparisonTable(results))\n")
        if !session.isInterrupted { print("What to look for: \(sample.lookFor)\n") }
        for effect in effects { print(effect.description) }
        print("\(effects.isEmpty ? "" : "\n")\(sample.name) took \(Session.duration(since: start))\n")
        Terminal.flush()
    }
}
