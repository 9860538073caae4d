import CKernels
import Foundation
import Synchronization

/// Numbers that the tests' threads write: one writer for each at a time.
final class Cells: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<Int>
    let count: Int
    init(_ count: Int) {
        self.count = count
        pointer = .allocate(capacity: count)
        pointer.initialize(repeating: 0, count: count)
    }
    deinit { pointer.deallocate() }
    var values: [Int] { Array(UnsafeBufferPointer(start: pointer, count: count)) }
}

/// Runs the body on threads of its own, all at once, and waits for them.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let group = DispatchGroup()
    for i in 0..<count {
        group.enter()
        Thread.detachNewThread {
            body(i)
            group.leave()
        }
    }
    group.wait()
}

/// Adds one to each cell in parallel.
func increment(_ cells: Cells) {
    ballast_parallel(cells.count, cells.pointer) { context, index in
        context?.assumingMemoryBound(to: Int.self)[index] += 1
    }
}

/// Counts how many threads are at one place at one time.
private final class Meeting: Sendable {
    let expected: Int
    let arrived = Atomic<Int>(0)
    let isOver = Atomic<Bool>(false)

    init(of expected: Int) { self.expected = expected }

    /// Waits for the others, for ten seconds at most.
    func attend() {
        arrived.add(1, ordering: .sequentiallyConsistent)
        let deadline = ContinuousClock.now + .seconds(10)
        while arrived.load(ordering: .sequentiallyConsistent) < expected, !isOver.load(ordering: .relaxed) {
            usleep(20)
            if ContinuousClock.now > deadline { isOver.store(true, ordering: .relaxed) }
        }
    }
}

/// Whether a job of `count` indices runs on as many threads at once: each index waits until all have begun.
func threadsMeet(_ count: Int) -> Bool {
    let meeting = Meeting(of: count)
    ballast_parallel(count, Unmanaged.passUnretained(meeting).toOpaque()) { context, _ in
        context.map { Unmanaged<Meeting>.fromOpaque($0).takeUnretainedValue().attend() }
    }
    return !meeting.isOver.load(ordering: .relaxed)
}

/// Runs the body with a pool of its own.
func withPool<Result>(_ threads: Int32, polling: Int32 = 200, _ body: () throws -> Result) rethrows -> Result {
    let pool = ballast_create_pool(threads, polling)
    let before = ballast_use_pool(pool)
    defer {
        ballast_restore_choice(before)
        ballast_release_pool(pool)
    }
    return try body()
}

/// The process's workers that the system knows of; nil where it does not tell.
func workersAlive() -> Int? {
    guard let threads = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task") else { return nil }
    let names = threads.map { try? String(contentsOfFile: "/proc/self/task/\($0)/comm", encoding: .utf8) }
    return names.count { $0 == "ballast-worker\n" }
}
