import CKernels
import Foundation
import Testing

@_silgen_name("fork") private func forkProcess() -> Int32

extension KernelTests {
    @Suite(.timeLimit(.minutes(2))) struct ThreadPoolTests {
        @Test func `The number of threads is clamped`() {
            let before = ballast_thread_count()
            defer { ballast_set_thread_count(before) }
            for (wanted, got) in [(0, 1), (-5, 1), (1, 1), (5, 5), (64, 64), (1000, 64)] as [(Int32, Int32)] {
                ballast_set_thread_count(wanted)
                #expect(ballast_thread_count() == got)
            }
        }

        @Test func `Every index runs once, for any number of threads, also when that changes`() {
            for threads in [1, 2, 5, 3, 1, 8, 2] as [Int32] {
                with("baseline", threads: threads) {
                    for count in [0, 1, 2, 3, 100, 5000] {
                        let cells = Cells(count)
                        for _ in 0..<20 { increment(cells) }
                        #expect(cells.values.allSatisfy { $0 == 20 })
                    }
                }
            }
        }

        @Test func `Workers that have gone to sleep wake up`() {
            with("baseline", threads: 3) {
                let cells = Cells(10)
                for _ in 0..<20 {
                    increment(cells)
                    usleep(2000)
                }
                #expect(cells.values.allSatisfy { $0 == 20 })
            }
        }

        @Test func `A parallel loop inside of another runs on its caller`() {
            with("baseline", threads: 4) {
                let cells = Cells(64)
                ballast_parallel(8, cells.pointer) { context, outer in
                    let row = context!.assumingMemoryBound(to: Int.self) + 8 * outer
                    ballast_parallel(8, row) { context, inner in context!.assumingMemoryBound(to: Int.self)[inner] += 1
                    }
                }
                #expect(cells.values.allSatisfy { $0 == 1 })
            }
        }

        @Test func `Concurrent callers get the same bits as one`() {
            let a = samples(150 * 200, seed: 31)
            let b = samples(200 * 170, seed: 32)
            @Sendable func product() -> [Float] {
                var c = [Float](repeating: 0, count: 150 * 170)
                ballast_gemm(false, false, 150, 170, 200, 1, a, b, nil, false, false, &c)
                return c
            }
            with(instructionSets.last!, threads: 3) {
                let expected = product()
                let wrong = Cells(4)
                onThreads(4) { i in
                    for _ in 0..<50 where !sameBits(product(), expected) { wrong.pointer[i] += 1 }
                }
                #expect(wrong.values == [0, 0, 0, 0])
            }
        }

        @Test func `Two callers with a pool each have all of their threads at work, in every job`() {
            let met = Cells(2)
            onThreads(2) { caller in
                withPool(4) {
                    for _ in 0..<40 where threadsMeet(4) { met.pointer[caller] += 1 }
                }
            }
            #expect(met.values == [40, 40])
        }

        @Test func `A caller that finds the process's pool occupied runs its job alone`() {
            with("baseline", threads: 2) {
                let alone = Cells(1)
                ballast_parallel(2, alone.pointer) { context, index in
                    guard index == 0 else { return }
                    let cell = context!.assumingMemoryBound(to: Int.self)
                    nonisolated(unsafe) let alone = cell
                    onThreads(1) { _ in
                        let cells = Cells(100)
                        ballast_set_thread_count(4)
                        increment(cells)
                        alone.pointee = cells.values.allSatisfy { $0 == 1 } ? 1 : 2
                    }
                }
                #expect(alone.values == [1])
            }
        }

        @Test func `A pool brings its number of threads, and the caller's choice returns after it`() {
            let before = ballast_thread_count()
            ballast_set_thread_count(7)
            withPool(3) {
                #expect(ballast_thread_count() == 3)
                #expect(threadsMeet(3))
                ballast_set_thread_count(5)
                #expect(ballast_thread_count() == 5)
                #expect(threadsMeet(5), "a pool grows with the number of threads")
                withPool(2) { #expect(ballast_thread_count() == 2 && threadsMeet(2)) }
                #expect(ballast_thread_count() == 5)
            }
            #expect(ballast_thread_count() == 7)
            ballast_set_thread_count(before)
        }

        @Test func `Threads end with their pool, also after thousands of pools`() {
            withPool(4) { _ = threadsMeet(4) }
            let (before, bytes) = (workersAlive(), ballast_held_bytes())
            for i in 0..<2500 { withPool(4) { #expect(i % 100 > 0 || threadsMeet(4)) } }
            for _ in 0..<2500 { withPool(4) { increment(Cells(8)) } }
            // The system may list a thread for a moment after it has been joined.
            let deadline = ContinuousClock.now + .seconds(10)
            while let now = workersAlive(), let before, now > before, ContinuousClock.now < deadline { usleep(1000) }
            #expect(workersAlive() == before)
            #expect(ballast_held_bytes() - bytes < 1 << 20)
        }

        @Test(.enabled(if: ballast_processor_count() >= 2))
        func `Idle threads poll for their time, and not at all where processors are shared`() async {
            await #expect(processExitsWith: .success) {
                /// Processor time, in milliseconds, that the process takes while this thread sleeps after a job.
                func idleTime(threads: Int32, polling: Int32) -> Int {
                    withPool(threads, polling: polling) {
                        increment(Cells(8))
                        let start = clock()
                        usleep(400_000)
                        return Int(clock() - start) * 1000 / Int(CLOCKS_PER_SEC)
                    }
                }
                // A machine under load may leave the process little time, but not ten times in a row.
                let polled = (0..<10).lazy.map { _ in idleTime(threads: 2, polling: 1_000_000) }.first { $0 > 40 }
                precondition(polled != nil, "an idle thread does not poll")
                let short = idleTime(threads: 2, polling: 1000)
                precondition(short < 30, "polled \(short) ms instead of 1")
                let none = idleTime(threads: 2, polling: 0)
                precondition(none < 30, "polled \(none) ms instead of 0")
                let many = idleTime(threads: Int32(ballast_processor_count()) + 1, polling: 1_000_000)
                precondition(many < 30, "more threads than processors polled \(many) ms")
                // Another pool has a job, whose threads sleep.
                let group = DispatchGroup()
                group.enter()
                Thread.detachNewThread {
                    withPool(2) { ballast_parallel(2, nil) { _, _ in usleep(800_000) } }
                    group.leave()
                }
                usleep(100_000)
                let shared = idleTime(threads: 2, polling: 1_000_000)
                precondition(shared < 30, "polled \(shared) ms beside another pool")
                group.wait()
            }
        }

        // ------------------------------------------------------------ Forks

        @Test func `A child forked while a job runs has threads and memory`() async {
            await #expect(processExitsWith: .success) {
                let isOver = Cells(1)
                let group = DispatchGroup()
                group.enter()
                Thread.detachNewThread {
                    ballast_set_thread_count(4)
                    while isOver.pointer[0] == 0 {
                        ballast_parallel(64, nil) { _, _ in
                            for size in [100, 70_000, 2_000_000] { ballast_release(ballast_allocate(size), size) }
                        }
                    }
                    group.leave()
                }
                ballast_set_thread_count(4)
                usleep(10_000)
                for _ in 0..<30 {
                    let child = forkProcess()
                    if child == 0 {
                        alarm(30)  // ends a child that is stuck
                        for size in [100, 70_000, 2_000_000] { ballast_release(ballast_allocate(size), size) }
                        let meets = threadsMeet(4) && withPool(3) { threadsMeet(3) }
                        _exit(meets ? 0 : 1)
                    }
                    precondition(child > 0)
                    var status: Int32 = 0
                    precondition(waitpid(child, &status, 0) == child)
                    precondition(status == 0, "the child ended with \(status)")
                }
                isOver.pointer[0] = 1
                group.wait()
                precondition(threadsMeet(4), "the parent keeps its threads")
            }
        }

        // ------------------------------------------------------------ Quotas

        @Test(
            arguments: [
                (["/proc/self/cgroup": "0::/\n"], 0),
                (["/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "max 100000\n"], 0),
                (["/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "200000 100000\n"], 2),
                (["/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "250000 100000\n"], 3),
                (["/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "1000 100000\n"], 1),
                (["/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "nonsense\n"], 0),
                // The smallest of the groups around the process counts.
                (
                    [
                        "/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/cpu.max": "300000 100000\n",
                        "/sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
                    ], 3
                ),
                (
                    [
                        "/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/cpu.max": "800000 100000\n",
                        "/sys/fs/cgroup/a/b/cpu.max": "500000 100000\n",
                    ], 5
                ),
                // Version 1, and a container that sees the host's path.
                (
                    [
                        "/proc/self/cgroup": "5:cpuset:/x\n4:cpu,cpuacct:/docker/1\n",
                        "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "400000\n",
                        "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
                    ], 4
                ),
                (
                    [
                        "/proc/self/cgroup": "4:cpuacct,cpu:/\n", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                        "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
                    ], 0
                ),
            ] as [([String: String], Int32)])
        func `The quota of control groups is a number of processors`(files: [String: String], expected: Int32) throws {
            let root = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
            defer { try? FileManager.default.removeItem(at: root) }
            for (path, text) in files {
                let file = root.appending(path: path)
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try text.write(to: file, atomically: true, encoding: .utf8)
            }
            #expect(ballast_quota_processors(root.path) == expected)
        }

        @Test func `No control groups are no limit`() {
            #expect(ballast_quota_processors("/nowhere") == 0)
        }
    }
}
