import CKernels
import Foundation
import Testing

/// What ballast_check_environment says; nil if it has nothing to say.
private func environmentError(kernels: String? = nil, threads: String? = nil) -> String? {
    var message = [CChar](repeating: 1, count: 512)
    let isGood = ballast_check_environment(kernels, threads, &message, message.count)
    let text = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    #expect(isGood == text.isEmpty)
    return isGood ? nil : text
}

/// Numbers that the tests' threads write: one writer for each at a time.
private final class Cells: @unchecked Sendable {
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
private func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
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
private func increment(_ cells: Cells) {
    ballast_parallel(cells.count, cells.pointer) { context, index in
        context?.assumingMemoryBound(to: Int.self)[index] += 1
    }
}

extension KernelTests {
    @Suite(.timeLimit(.minutes(2))) struct RuntimeTests {
        @Test func `Good environments have no error`() {
            #expect(environmentError() == nil)
            #expect(environmentError(kernels: "baseline", threads: "1") == nil)
            #expect(environmentError(kernels: instructionSets.last, threads: "64") == nil)
            #expect(environmentError(threads: "07") == nil)
        }

        @Test(arguments: ["0", "65", "100", "-1", "two", "1.5", " 4", "4 ", "99999999999999999999"])
        func `A number of threads that is none is an error with a cure`(threads: String) throws {
            let error = try #require(environmentError(threads: threads))
            #expect(error.contains("BALLAST_THREADS") && error.contains("\"\(threads)\"") && error.contains("1 to 64"))
        }

        @Test func `An unknown instruction set is an error with a cure`() throws {
            let error = try #require(environmentError(kernels: "AVX9", threads: "none"))
            #expect(error.contains("BALLAST_KERNELS") && error.contains("\"AVX9\"") && error.contains("avx512"))
            #expect(error.contains("BALLAST_THREADS"))
            let long = String(repeating: "x", count: 5000)
            #expect(try #require(environmentError(kernels: long, threads: long)).count < 512)
        }

        @Test func `Instruction sets are chosen by name, and unknown names change nothing`() {
            #expect(instructionSets.contains("baseline"))
            for name in instructionSets {
                #expect(with(name) { String(cString: ballast_instruction_set()) } == name)
            }
            let before = String(cString: ballast_instruction_set())
            #expect(!ballast_select_instruction_set("AVX2"))
            #expect(!ballast_select_instruction_set(""))
            #expect(String(cString: ballast_instruction_set()) == before)
        }

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

        @Test func `Blocks are aligned, do not overlap, and come back`() {
            let sizes = (0..<200).map { $0 * $0 * 7 } + [1 << 20, (1 << 20) + 1, 5 << 20, 70 << 20]
            let blocks = sizes.map { ballast_allocate($0) }
            for (i, (block, size)) in zip(blocks, sizes).enumerated() {
                #expect(Int(bitPattern: block) % 64 == 0)
                memset(block, Int32(i % 251), size)
            }
            for (i, (block, size)) in zip(blocks, sizes).enumerated() where size > 0 {
                let bytes = block.assumingMemoryBound(to: UInt8.self)
                #expect(bytes[0] == UInt8(i % 251) && bytes[size - 1] == UInt8(i % 251))
            }
            for (block, size) in zip(blocks, sizes) { ballast_release(block, size) }
        }

        @Test func `A warm loop takes nothing from the system, of any size, also across threads`() {
            let sizes = [0, 1, 64, 65, 1000, 100_000, 300_000, 1 << 20, 9_000_000]
            @Sendable func work() {
                let blocks = sizes.map { ballast_allocate($0) }
                for (block, size) in zip(blocks, sizes).reversed() { ballast_release(block, size) }
            }
            work()
            let warm = ballast_system_bytes()
            for _ in 0..<100 { work() }
            #expect(ballast_system_bytes() == warm)
            // A thread that ends leaves its blocks to those that follow. (It may do so a little after the next has begun.)
            onThreads(1) { _ in work() }
            let next = ballast_system_bytes()
            let ofOneThread = 2 * sizes.filter { $0 <= 256 << 10 }.reduce(0, +)
            for _ in 0..<50 { onThreads(1) { _ in work() } }
            #expect(ballast_system_bytes() - next <= 10 * ofOneThread)
        }

        @Test func `Blocks may be released on another thread`() {
            let cells = Cells(400)
            onThreads(4) { i in
                for j in 0..<100 { cells.pointer[100 * i + j] = Int(bitPattern: ballast_allocate(100 * j)) }
            }
            #expect(Set(cells.values).count == 400)
            onThreads(4) { i in
                for j in 0..<100 {
                    ballast_release(UnsafeMutableRawPointer(bitPattern: cells.pointer[100 * (3 - i) + j])!, 100 * j)
                }
            }
        }

        @Test func `Changing sizes do not pile up idle memory`() {
            let megabyte = 1 << 20
            var resident: [Int] = []
            for i in 1...60 {
                // 32 MB at a time, never twice of the same size class for long: unbounded caches would keep them all.
                let size = (8 + i) * megabyte
                let block = ballast_allocate(size)
                memset(block, 1, size)
                ballast_release(block, size)
                resident.append(residentBytes())
            }
            #expect(resident.max()! - resident[0] < 400 * megabyte)
        }

        @Test func `A breadcrumb belongs to its thread`() {
            let crumb = UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1)
            defer {
                ballast_set_breadcrumb(nil)
                crumb.deallocate()
            }
            ballast_set_breadcrumb(crumb)
            #expect(ballast_breadcrumb() == crumb)
            let seen = Cells(1)
            onThreads(1) { _ in seen.pointer[0] = ballast_breadcrumb() == nil ? 1 : 2 }
            #expect(seen.values == [1])
        }

        @Test func `Running out of memory says so`() async {
            await #expect(processExitsWith: .failure) { _ = ballast_allocate(Int.max / 2) }
        }
    }
}

/// Bytes of memory that the process occupies now; 0 where that is not known.
private func residentBytes() -> Int {
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
    return (Int(text.split(separator: " ")[1]) ?? 0) * 4096
}
