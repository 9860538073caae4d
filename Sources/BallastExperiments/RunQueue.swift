internal import BallastCore
internal import CKernels
internal import Foundation
internal import Tensors

/// Runs the runs of a comparison, several at a time, and collects their results in order.
///
/// `condition` guards all mutable state, and is locked while the caller's closures are called: one at a time. Only a run's
/// own thread uses the run until it has ended, except in such a call, for which that thread waits. That is why closures
/// and results, which are not `Sendable`, can be stored here.
final class RunQueue: @unchecked Sendable {
    /// Cancelled with the caller's token, and when a run fails.
    let cancellation: Cancellation
    /// How many runs are executed in parallel.
    let concurrency: Int

    private let count: Int
    private let observer: ((String, UInt64, RunEvent) -> Void)?
    private let finished: ((ComparedRun) -> Void)?

    private let condition = NSCondition()
    private var claimed = 0
    private var workers = 0
    private var ended: [Int: Result<ComparedRun, any Error>] = [:]
    private var reported = 0
    private var inOrder: [ComparedRun] = []
    private var failures: [Int: any Error] = [:]

    init(
        of count: Int, concurrency: Int, cancellation: Cancellation?,
        observer: ((String, UInt64, RunEvent) -> Void)?, finished: ((ComparedRun) -> Void)?
    ) {
        self.count = count
        self.concurrency = max(1, min(concurrency, count))
        self.cancellation = Cancellation(following: cancellation)
        self.observer = observer
        self.finished = finished
    }

    /// Executes all runs and returns when the last has ended; with a concurrency of 1, on the calling thread.
    func runAll(_ run: @escaping @Sendable (_ index: Int) throws -> ComparedRun) {
        guard concurrency > 1 else { return runNext(run) }
        let threads = max(1, Kernels.threadCount / concurrency)
        let instructionSet = Kernels.instructionSet
        workers = concurrency
        for _ in 0..<concurrency {
            let thread = Thread { [self] in
                _ = ballast_select_instruction_set(instructionSet)
                Kernels.withThreads(threads) { runNext(run) }
                condition.withLock {
                    workers -= 1
                    condition.signal()
                }
            }
            // The stack size of a main thread, so that what runs there runs here too.
            thread.stackSize = 8 << 20
            thread.start()
        }
        condition.withLock { while workers > 0 { condition.wait() } }
    }

    /// The observer of a run, which reports to the caller's.
    func observer(_ composition: String, _ seed: UInt64) -> ((RunEvent) -> Void)? {
        observer.map { observer in
            { [condition] event in condition.withLock { observer(composition, seed, event) } }
        }
    }

    /// The results in the order of the runs.
    ///
    /// - Throws: the error of the first run that failed.
    func results() throws -> [ComparedRun] {
        if let failure = failures.min(by: { $0.key < $1.key }) { throw failure.value }
        return inOrder
    }

    /// Executes runs until none is left.
    private func runNext(_ run: (Int) throws -> ComparedRun) {
        while let index = claim() {
            let result = Result { try run(index) }
            condition.withLock { end(index, result) }
        }
    }

    private func claim() -> Int? {
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
        while let result = ended.removeValue(forKey: reported) {
            reported += 1
            // A run that ended early because another one failed is not a result.
            guard case .success(let run) = result, failures.isEmpty || !run.run.isCancelled else { continue }
            inOrder.append(run)
            finished?(run)
        }
    }
}
