/// Lets runs that go on side by side speak in their order: the first that has not ended at once, the others when
/// those before them have.
final class Turns {
    private var front = 0
    private var waiting: [Int: [() -> Void]] = [:]

    /// Whether nobody is before a run.
    func isFront(_ run: Int) -> Bool { run == front }

    /// Says something for a run when it is its turn.
    func take(_ run: Int, _ say: @escaping () -> Void) {
        guard run > front else { return say() }
        waiting[run, default: []].append(say)
    }

    /// Ends the turn of a run, and of those before it.
    func end(_ run: Int) {
        front = max(front, run + 1)
        speak { $0 <= front }
    }

    /// Lets all speak that have waited: nothing more comes of those before them.
    func end() { speak { _ in true } }

    private func speak(_ isDue: (Int) -> Bool) {
        for run in waiting.keys.sorted() where isDue(run) {
            for say in waiting.removeValue(forKey: run) ?? [] { say() }
        }
    }
}
