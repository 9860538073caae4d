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

        @Test func `Changing sizes do not pile up idle memory`() async {
            // In a process of its own: nobody else's blocks count.
            await #expect(processExitsWith: .success) {
                let megabyte = 1 << 20
                for i in 1...60 {
                    // 9 to 68 MB, never twice of one size class for long: unbounded caches would keep 2 GB.
                    let size = (8 + i) * megabyte
                    ballast_release(ballast_allocate(size), size)
                    let held = ballast_held_bytes()
                    precondition(
                        held <= 64 * megabyte + size * 5 / 4, "\(held >> 20) MB are held after \(size >> 20) MB")
                }
                precondition(ballast_held_bytes() > 0 && ballast_held_bytes() < ballast_system_bytes())
            }
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

        @Test func `Running out of memory says so, and how much was requested`() async throws {
            let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
                _ = ballast_allocate(Int.max / 2)
            }
            let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
            #expect(message.contains("out of memory") && message.contains("\(Int.max / 2) bytes"))
        }

        @Test func `An error of the environment is one line at the first use of a kernel`() async throws {
            let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
                setenv("BALLAST_THREADS", "0", 1)
                setenv("BALLAST_KERNELS", "AVX9", 1)
                for _ in 0..<3 {
                    _ = ballast_thread_count()
                    ballast_fill(0, 1, UnsafeMutablePointer<Float>.allocate(capacity: 1))
                }
                precondition(ballast_thread_count() >= 1)
                precondition(String(cString: ballast_instruction_set()) == instructionSets.last)
            }
            let lines = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
                .split(separator: "\n").filter { $0.contains("BALLAST_") }
            #expect(lines.count == 1)
            #expect(lines.first?.contains("\"0\"") == true && lines.first?.contains("\"AVX9\"") == true)
        }

        @Test func `A program that asks about the environment reports its error itself`() async throws {
            let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
                setenv("BALLAST_THREADS", "many", 1)
                precondition(String(cString: ballast_environment_error()!).contains("many"))
                precondition(ballast_thread_count() >= 1)
            }
            let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
            #expect(!message.contains("BALLAST_"))
        }

        @Test func `Good values of the environment hold`() async {
            await #expect(processExitsWith: .success) {
                setenv("BALLAST_THREADS", "3", 1)
                setenv("BALLAST_KERNELS", "baseline", 1)
                precondition(ballast_environment_error() == nil && ballast_thread_count() == 3)
                precondition(String(cString: ballast_instruction_set()) == "baseline")
            }
        }
    }
}
