import BallastPlugins

/// Runs samples as the command line asks, and shows what comes out.
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
            print("The tour took \(session.duration). Each sample at full size: samples run NAME; more: samples help")
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
            // What has run before is not lost.
            report(results, [], of: sample, since: start)
            throw error
        }
        let observations = try Observation.all(sample.effects, in: results)
        for observation in observations { session.write(observation.fields(of: sample.name)) }
        report(results, observations, of: sample, since: start)
        try page.add(sample, experiment, results, observations, facts: session.facts(sample, experiment))
    }

    private func report(
        _ results: [ComparedRun], _ observations: [Observation], of sample: Sample, since start: ContinuousClock.Instant
    ) {
        Terminal.clearLine()
        guard !results.isEmpty else { return }
        if !Terminal.isInteractive, !isTour { print() }
        print("\(ComparisonTable(results))\n")
        if !session.isInterrupted { print("What to look for: \(sample.lookFor)\n") }
        for observation in observations { print(observation.description) }
        print("\(observations.isEmpty ? "" : "\n")\(sample.name) took \(Session.duration(since: start))\n")
        Terminal.flush()
    }
}
