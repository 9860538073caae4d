import CKernels
import Testing

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
                    #expect(y.values == index.flatMap { table[Int($0) * width..<(Int($0) + 1) * width] }, name)
                    let floats = index.flatMap {
                        bytes[Int($0) * width..<(Int($0) + 1) * width].map { Float($0) * 0.5 - 3 }
                    }
                    #expect(fromBytes.values == floats, name)
                    #expect(sameBits(added.values, sums), name)
                    #expect([y, fromBytes, added].allSatisfy { $0.isIntact }, name)
                }
            }
        }
    }
}
