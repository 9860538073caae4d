import CKernels
import Testing

/// The first place where two arrays are not equal, in words; nil if there is none.
func mismatch<Element: Equatable>(_ actual: [Element], _ expected: [Element]) -> String? {
    guard actual.count == expected.count else { return "\(actual.count) elements, expected \(expected.count)" }
    return zip(actual, expected).enumerated().first { $1.0 != $1.1 }.map { "element \($0): \($1.0), expected \($1.1)" }
}

extension KernelTests {
    @Suite struct Batches {
        static let shapes = lengths.map { (9, $0) } + [(0, 5), (1000, 1), (300, 784), (2000, 64), (5000, 200)]

        @Test("Rows are gathered, from floats and from bytes, and added back in order", arguments: instructionSets)
        func rows(set: String) {
            for (rows, width) in Self.shapes {
                let tableRows = 13
                let table = samples(tableRows * width)
                let bytes = (0..<tableRows * width).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
                let index = (0..<rows).map { Int32(($0 * $0 + 5) % tableRows) }
                let x = samples(rows * width, seed: 2)
                let before = samples(tableRows * width, seed: 3)
                var sums = before
                for row in 0..<rows {
                    for i in 0..<width { sums[Int(index[row]) * width + i] += x[row * width + i] }
                }
                for threads in [Int32(1), 2] {
                    let (y, fromBytes, added) = (
                        Unaligned(count: rows * width), Unaligned(count: rows * width), Unaligned(before)
                    )
                    with(set, threads: threads) {
                        ballast_gather(rows, width, table, index, y.pointer)
                        ballast_gather_bytes(rows, width, bytes, index, 0.5, -3, fromBytes.pointer)
                        ballast_scatter_add(rows, width, x, index, tableRows, added.pointer)
                    }
                    let name: Comment = "[\(rows), \(width)], \(threads) threads"
                    let picked = index.flatMap { table[Int($0) * width..<(Int($0) + 1) * width] }
                    #expect(mismatch(y.values, picked) == nil, name)
                    let floats = index.flatMap {
                        bytes[Int($0) * width..<(Int($0) + 1) * width].map { Float($0) * 0.5 - 3 }
                    }
                    #expect(mismatch(fromBytes.values, floats) == nil, name)
                    #expect(mismatch(added.values, sums) == nil, name)
                    #expect([y, fromBytes, added].allSatisfy { $0.isIntact }, name)
                }
            }
        }
    }
}
