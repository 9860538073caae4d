import CKernels
import Foundation
import Testing

/// Philox4x32-10 of one counter, from the paper.
func philox(counter: [UInt32], key: [UInt32]) -> [UInt32] {
    var (c, k) = (counter, key)
    for _ in 0..<10 {
        let (a, b) = (UInt64(c[0]) * 0xD251_1F53, UInt64(c[2]) * 0xCD9E_8D57)
        c = [
            UInt32(b >> 32) ^ c[1] ^ k[0], UInt32(truncatingIfNeeded: b),
            UInt32(a >> 32) ^ c[3] ^ k[1], UInt32(truncatingIfNeeded: a),
        ]
        k = [k[0] &+ 0x9E37_79B9, k[1] &+ 0xBB67_AE85]
    }
    return c
}

func streamWord(_ stream: ballast_stream, _ position: UInt64) -> UInt32 {
    func halves(_ x: UInt64) -> [UInt32] { [UInt32(truncatingIfNeeded: x), UInt32(x >> 32)] }
    return philox(counter: halves(position / 4) + halves(stream.index), key: halves(stream.key))[Int(position % 4)]
}

extension KernelTests {
    @Suite struct Random {
        static let stream = ballast_stream(key: 0x0123_4567_89AB_CDEF, index: 0xFEDC_BA98_7654_3210)

        static func words(_ stream: ballast_stream, _ first: UInt64, _ count: Int) -> [UInt32] {
            var words = [UInt32](repeating: 0, count: count + 1)
            words[count] = 77
            ballast_random_words(stream, first, count, &words)
            #expect(words[count] == 77)
            return Array(words.dropLast())
        }

        @Test("Random123's known answers", arguments: instructionSets)
        func knownAnswers(set: String) {
            with(set) {
                #expect(
                    Self.words(ballast_stream(key: 0, index: 0), 0, 4) == [
                        0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8,
                    ])
                // Counters and keys of all ones, and of the digits of pi; the counter's low half is the number of the block.
                #expect(
                    philox(counter: [.max, .max, .max, .max], key: [.max, .max]) == [
                        0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD,
                    ])
                let pi = ballast_stream(key: 0x299F_31D0_A409_3822, index: 0x0370_7344_1319_8A2E)
                let answer: [UInt32] = [0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1]
                #expect(
                    philox(
                        counter: [0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344], key: [0xA409_3822, 0x299F_31D0])
                        == answer)
                let block: UInt64 = 0x05A3_08D3_243F_6A88  // as far as 64-bit positions of words reach
                #expect(
                    Self.words(pi, block * 4, 4)
                        == philox(
                            counter: [0x243F_6A88, 0x05A3_08D3, 0x1319_8A2E, 0x0370_7344],
                            key: [0xA409_3822, 0x299F_31D0]))
            }
        }

        @Test(
            "Any stretch of the stream is the same words, also where the block number carries",
            arguments: instructionSets)
        func stretches(set: String) {
            let starts: [UInt64] = [0, 1, 2, 3, 4, 1001, (1 << 34) - 30, (1 << 34) - 7, 1 << 40]
            for first in starts {
                for count in lengths + [1000] {
                    let expected = (0..<count).map { streamWord(Self.stream, first + UInt64($0)) }
                    let words = with(set) { Self.words(Self.stream, first, count) }
                    #expect(mismatch(words, expected) == nil, "\(count) words from \(first)")
                }
            }
            let one = with(set, threads: 1) { Self.words(Self.stream, 3, 50_001) }
            let two = with(set, threads: 2) { Self.words(Self.stream, 3, 50_001) }
            #expect(one == two && one[50_000] == streamWord(Self.stream, 50_003))
        }

        @Test("Uniform and normal numbers come from their words", arguments: instructionSets)
        func distributions(set: String) {
            for count in lengths + [1000, 30_001] {
                let words = with(set) { Self.words(Self.stream, 0, count + 1) }
                let (uniform, normal) = (Unaligned(count: count), Unaligned(count: count))
                with(set) {
                    ballast_random_uniform(Self.stream, count, -2, 3, uniform.pointer)
                    ballast_random_normal(Self.stream, count, 1, 2, normal.pointer)
                }
                let units = words.map { Double($0 >> 8) * 0x1p-24 }
                #expect(
                    difference(uniform.values, units.prefix(count).map { -2 + 5 * $0 }, tolerance: 3e-7) == nil,
                    "\(count)")
                let expected = (0..<count).map { i -> Double in
                    let radius = (-2 * log(1 - units[i & ~1])).squareRoot()
                    let angle = 2 * Double.pi * units[i | 1]
                    return 1 + 2 * radius * (i % 2 == 0 ? cos(angle) : sin(angle))
                }
                #expect(difference(normal.values, expected, tolerance: 1e-6) == nil, "\(count)")
                #expect(uniform.isIntact && normal.isIntact, "\(count)")
            }
        }

        @Test("Normal numbers have the moments of a normal distribution", arguments: instructionSets)
        func moments(set: String) {
            let count = 400_000
            var y = [Float](repeating: 0, count: count)
            with(set) { ballast_random_normal(Self.stream, count, 0, 1, &y) }
            func mean(_ power: Double) -> Double { y.map { pow(Double($0), power) }.reduce(0, +) / Double(count) }
            #expect(abs(mean(1)) < 0.008 && abs(mean(2) - 1) < 0.012 && abs(mean(3)) < 0.02 && abs(mean(4) - 3) < 0.08)
        }

        /// Mask and values of dropout, one unit at a time.
        static func dropout(_ x: [Float], _ inner: Int, _ threshold: UInt32, _ scale: Float) -> (
            mask: [UInt8], y: [Float]
        ) {
            let units = x.count / inner
            var mask = [UInt8](repeating: 0, count: (units + 7) / 8)
            var y = [Float](repeating: 0, count: x.count)
            for unit in 0..<units {
                let word = streamWord(stream, UInt64(unit / 2))
                guard (unit % 2 == 0 ? word & 0xFFFF : word >> 16) >= threshold else { continue }
                mask[unit / 8] |= 1 << (unit % 8)
                for i in unit * inner..<(unit + 1) * inner { y[i] = x[i] * scale }
            }
            return (mask, y)
        }

        @Test("Dropout and its gradient follow the half-words of the stream", arguments: instructionSets)
        func dropout(set: String) {
            for inner in [1, 3, 20] {
                for units in lengths + [1000, 20_011] {
                    let thresholds: [UInt32] = units == 1000 ? [0, 1, 13_107, 65_535, 65_536, 70_000] : [32_768]
                    for threshold in thresholds {
                        let x = samples(units * inner)
                        let expected = Self.dropout(x, inner, threshold, 2)
                        for threads in [Int32(1), 2] {
                            let (y, dx) = (Unaligned(count: x.count), Unaligned(x))
                            var mask = [UInt8](repeating: 0xAA, count: expected.mask.count + 1)
                            with(set, threads: threads) {
                                ballast_dropout(x.count, inner, x, Self.stream, threshold, 2, &mask, y.pointer)
                                ballast_dropout_gradient(x.count, inner, x, mask, 2, true, dx.pointer)
                            }
                            let name: Comment = "\(units) units of \(inner), threshold \(threshold), \(threads) threads"
                            #expect(mismatch(Array(mask.dropLast()), expected.mask) == nil && mask.last == 0xAA, name)
                            #expect(mismatch(y.values, expected.y) == nil && y.isIntact, name)
                            #expect(mismatch(dx.values, zip(x, expected.y).map(+)) == nil && dx.isIntact, name)
                            with(set, threads: threads) {
                                ballast_dropout_gradient(x.count, inner, x, mask, 2, false, dx.pointer)
                            }
                            #expect(mismatch(dx.values, expected.y) == nil && dx.isIntact, name)
                        }
                    }
                }
            }
        }

        @Test("What is dropped is 0 even if it was NaN or infinite", arguments: instructionSets)
        func droppedNaN(set: String) {
            for inner in [1, 4] {
                let x = [Float](repeating: .nan, count: 1000)
                var y = x
                var mask = [UInt8](repeating: 0, count: 125)
                with(set) { ballast_dropout(1000, inner, x, Self.stream, 65_536, 1, &mask, &y) }
                #expect(y.allSatisfy { $0 == 0 })
            }
        }
    }
}
