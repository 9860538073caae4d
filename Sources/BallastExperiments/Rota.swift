internal import BallastCore
internal import CKernels
internal import Foundation
internal import Tensors

/// Which runs of a comparison are next, which go on, and what has come out of them.
///
/// `condition` guards all that changes, and is held while the caller's closures are called: one at a time. A run is
/// touched by no other thread than its own until it has ended, but for such a call, for which it waits. That is why the
/// closures and results, which are not `Sendable`, may be here.
final class Rota: @unchecked Sendable {
    /// Ends the runs: thrown by the caller's, and when a run fails.
    let cancellation: Cancellation
    /// How many runs go on side by side.
    let places: Int

    private let count: Int
    private let observer: ((String, UInt64, RunEvent) -> Void)?
    private let finished: ((ComparedRun) -> Void)?

    private let condition = NSCondition()
    private var claimed = 0
    private var workers = 0
    private var ended: [Int: Result<ComparedRun, any Error>] = [:]
    private var handedOver = 0
    private var inOrder: [ComparedRun] = []
    private var failures: [Int: any Error] = [:]

    init(
        of count: Int, atOnce places: Int, cancellation: Cancellation?,
        observer: ((String, UInt64, RunEvent) -> Void)?, finished: ((ComparedRun) -> Void)?
    ) {
        self.count = count
        self.places = max(1, min(places, count))
        self.cancellation = Cancellation(following: cancellation)
        self.observer = observer
        self.finished = finished
    }

    /// Does all runs, on the calling thread if one at a time is wanted, and returns when the last has ended.
    func work(_ run: @escaping @Sendable (_ index: Int) throws -> ComparedRun) {
        guard places > 1 else { return take(run) }
        let threads = max(1, Kernels.threadCount / places)
        let instructionSet = Kernels.instructionSet
        workers = places
        for _ in 0..<places {
            let thread = Thread { [self] in
                _ = ballast_select_instruction_set(instructionSet)
                Kernels.withThreads(threads) { take(run) }
                condition.withLock {
                    workers -= 1
                    condition.signal()
                }
            }
            // That of a main thread: what runs there runs here.
            thread.stackSize = 8 << 20
            thread.start()
        }
        condition.withLock { while workers > 0 { condition.wait() } }
    }

    /// What a run is observed by.
    func observer(_ composition: String, _ seed: UInt64) -> ((RunEvent) -> Void)? {
        observer.map { observer in
            { [condition] event in condition.withLock { observer(composition, seed, event) } }
        }
    }

    /// The results in the order of the runs.
    ///
    /// - Throws: what the first run threw that failed.
    func results() throws -> [ComparedRun] {
        if let failure = failures.min(by: { $0.key < $1.key }) { throw failure.value }
        return inOrder
    }

    /// Does runs until none is left.
    private func take(_ run: (Int) throws -> ComparedRun) {
        while let index = next() {
            let result = Result { try run(index) }
            condition.withLock { end(index, result) }
        }
    }

    private func next() -> Int? {
        condition.withLock {
            guard claimed < count, !cancellation.isCancelledAfterEpoch else { return nil }
            claimed += 1
            return claimed - 1
        }
    }

    private func end(_ index: Int, _ result: Result<ComparedRun, any Error>) {
        ended[index] = result
        if case .failure(let error) = result {
            failures[index] = error
            cancellation.cancel()
        }
        while let result = ended.removeValue(forKey: handedOver) {
            handedOver += 1
            // A run that another one's failure has cut short is not a result.
            guard case .success(let run) = result, failures.isEmpty || !run.run.isCancelled else { continue }
            inOrder.append(run)
            finished?(run)
        }
    }
}
