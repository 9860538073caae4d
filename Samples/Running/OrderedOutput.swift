/// Orders the output of runs in parallel: that of the first run that has not ended is written at once, that of the
/// others when those before them have ended.
final class OrderedOutput {
    private var first = 0
    private var waiting: [Int: [() -> Void]] = [:]

    /// Whether all runs before a run have ended.
    func isFirst(_ run: Int) -> Bool { run == first }

    /// Writes something for a run, as soon as those before it have ended.
    func write(_ run: Int, _ body: @escaping () -> Void) {
        guard run > first else { return body() }
        waiting[run, default: []].append(body)
    }

    /// Marks a run, and those before it, as ended.
    func finish(_ run: Int) {
        first = max(first, run + 1)
        flush { $0 <= first }
    }

    /// Writes everything that has waited, at the end of all runs.
    func finish() { flush { _ in true } }

    private func flush(_ isDue: (Int) -> Bool) {
        for run in waiting.keys.sorted() where isDue(run) {
            for body in waiting.removeValue(forKey: run) ?? [] { body() }
        }
    }
}
