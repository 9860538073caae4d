import CKernels
import Testing

/// Every suite of kernels, one test at a time: each brings every processor to work by itself.
@Suite(.serialized) enum KernelTests {}

/// The instruction sets that this machine runs.
let instructionSets: [String] = {
    let best = String(cString: ballast_instruction_set())
    defer { _ = ballast_select_instruction_set(best) }
    return ["baseline", "avx2", "avx512"].filter { ballast_select_instruction_set($0) }
}()

/// Runs the body with an instruction set, and a number of threads if given, then restores both.
func with<Result>(_ instructionSet: String, threads: Int32? = nil, _ body: () throws -> Result) rethrows -> Result {
    let before = String(cString: ballast_instruction_set())
    let threadsBefore = ballast_thread_count()
    precondition(ballast_select_instruction_set(instructionSet))
    if let threads { ballast_set_thread_count(threads) }
    defer {
        _ = ballast_select_instruction_set(before)
        ballast_set_thread_count(threadsBefore)
    }
    return try body()
}

/// Lengths around the vectors of every instruction set: 0, 1, w - 1, w, w + 1, 2w + 3, and primes.
let lengths = [0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 15, 16, 17, 19, 31, 35, 67, 127]

/// Numbers in -1..<1 that look random and are the same in every run.
func samples(_ count: Int, seed: UInt64 = 1) -> [Float] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(Int32(truncatingIfNeeded: state >> 32)) / 2_147_483_648
    }
}

/// A copy of an array that starts one element past an aligned address, so that every vector load is unaligned,
/// with guards around it that must not change.
final class Unaligned {
    private static let guardValue: Float = 12345.5
    private static let guardCount = 64
    private let block: UnsafeMutablePointer<Float>
    private let allocated: Int
    let count: Int

    init(_ values: [Float]) {
        count = values.count
        allocated = count + 2 * Self.guardCount
        let raw = UnsafeMutableRawPointer.allocate(byteCount: allocated * 4, alignment: 64)
        block = raw.bindMemory(to: Float.self, capacity: allocated)
        block.initialize(repeating: Self.guardValue, count: allocated)
        for (i, value) in values.enumerated() { pointer[i] = value }
    }

    convenience init(count: Int) { self.init([Float](repeating: .nan, count: count)) }

    deinit { block.deallocate() }

    var pointer: UnsafeMutablePointer<Float> { block + 17 }

    var values: [Float] { (0..<count).map { pointer[$0] } }

    /// Whether nothing was written outside of the array.
    var isIntact: Bool {
        (0..<17).allSatisfy { block[$0] == Self.guardValue }
            && (17 + count..<allocated).allSatisfy { block[$0] == Self.guardValue }
    }
}

/// The first element that differs by more than `tolerance` (relative to `scale`, or to the expected value if that is larger), in words;
/// nil if there is none. NaN agrees with NaN, an infinity with itself.
func difference(
    _ actual: [Float], _ expected: [Double], tolerance: Double = 1e-5, scale: Double = 1
) -> String? {
    guard actual.count == expected.count else { return "\(actual.count) elements, expected \(expected.count)" }
    for (i, (a, e)) in zip(actual, expected).enumerated() {
        if a.isNaN && e.isNaN || Double(a) == e { continue }
        if !(abs(Double(a) - e) <= tolerance * max(scale, abs(e))) { return "element \(i): \(a), expected \(e)" }
    }
    return nil
}

/// Whether two arrays are the same bits.
func sameBits(_ a: [Float], _ b: [Float]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { $0.bitPattern == $1.bitPattern }
}
