import Tensors
import TestSupport
import Testing

/// Random streams: the published words, the moments, independence of history.
@Suite struct RandomStreamTests {
    /// Philox4x32-10 as its authors define it, a block at a time.
    private func philox(_ counter: [UInt32], _ key: [UInt32]) -> [UInt32] {
        var (block, key) = (counter, key)
        for _ in 0..<10 {
            let first = UInt64(block[0]) * 0xD251_1F53
            let second = UInt64(block[2]) * 0xCD9E_8D57
            block = [
                UInt32(second >> 32) ^ block[1] ^ key[0], UInt32(truncatingIfNeeded: second),
                UInt32(first >> 32) ^ block[3] ^ key[1], UInt32(truncatingIfNeeded: first),
            ]
            key = [key[0] &+ 0x9E37_79B9, key[1] &+ 0xBB67_AE85]
        }
        return block
    }

    @Test func `the reference of these tests gives the published words`() {
        // kat_vectors of the Random123 library.
        #expect(philox([0, 0, 0, 0], [0, 0]) == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
        #expect(
            philox(Array(repeating: .max, count: 4), [.max, .max])
                == [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd])
        #expect(
            philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0])
                == [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1])
    }

    @Test func `the words are those of Philox`() {
        #expect(
            RandomStream(key: 0, index: 0).words(4) == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
        let key: UInt64 = 0x299f_31d0_a409_3822
        let index: UInt64 = 0x0370_7344_1319_8a2e
        let stream = RandomStream(key: key, index: index)
        for start in [0, 1, 7, 1 << 34, (1 << 34) + 5] {
            let expected = (start..<start + 71).map { word in
                let block = UInt64(word / 4)
                return philox(
                    [UInt32(truncatingIfNeeded: block), UInt32(block >> 32), 0x1319_8a2e, 0x0370_7344],
                    [0xa409_3822, 0x299f_31d0])[word % 4]
            }
            #expect(stream.words(71, from: start) == expected, "from word \(start)")
        }
    }

    @Test func `streams differ by seed, purpose and index, and only by these`() {
        let stream = RandomStream(seed: 1, purpose: "Dropout/relu1")
        let others = [
            RandomStream(seed: 2, purpose: "Dropout/relu1"), RandomStream(seed: 1, purpose: "Dropout/relu2"),
            stream.at(1), stream.at(epoch: 1, sample: 0), stream.branch(0), stream.branch(1),
            stream.branch(0).branch(0),
        ]
        #expect(Set((others + [stream]).map { $0.words(4) }).count == 8)
        #expect(stream.words(4) == RandomStream(seed: 1, purpose: "Dropout/relu1").words(4))
        #expect(stream.words(8, from: 5) == Array(stream.words(13).dropFirst(5)))
    }

    @Test(arguments: [0, 1, 2, 3])
    func `uniform numbers have the moments of the distribution, within 5 sigma`(index: UInt64) {
        let count = 1_000_000
        let stream = RandomStream(seed: 11, purpose: "moments").at(index)
        let values = Tensor.uniform([count], from: stream).scalars.map(Double.init)
        #expect(values.allSatisfy { $0 >= 0 && $0 < 1 })
        let n = Double(count)
        #expect(abs(values.reduce(0, +) / n - 0.5) < 5 * (1 / 12.0).squareRoot() / n.squareRoot())
        let squares = values.reduce(0) { $0 + ($1 - 0.5) * ($1 - 0.5) } / n
        #expect(abs(squares - 1 / 12.0) < 5 * (1 / 180.0).squareRoot() / n.squareRoot())
        let pairs = zip(values, values.dropFirst()).reduce(0) { $0 + ($1.0 - 0.5) * ($1.1 - 0.5) } / n
        #expect(abs(pairs) < 5 * (1 / 12.0) / n.squareRoot())
        #expect(Tensor.uniform([9], from: stream).scalars == stream.uniforms(9))
        let shifted = Tensor.uniform([1000], in: -3..<5, from: stream).scalars
        #expect(shifted.allSatisfy { $0 >= -3 && $0 < 5 })
        #expect(shifted.contains { $0 < -2 } && shifted.contains { $0 > 4 })
    }

    @Test(arguments: [0, 1, 2, 3])
    func `normal numbers have the moments of the distribution, within 5 sigma`(index: UInt64) {
        let count = 1_000_001
        let stream = RandomStream(seed: 12, purpose: "moments").at(index)
        let values = Tensor.normal([count], from: stream).scalars.map(Double.init)
        #expect(values.allSatisfy { $0.isFinite })
        let n = Double(count)
        // The means of x, x², x³, x⁴ and their deviations for one draw.
        let moments: [(power: Int, mean: Double, variance: Double)] = [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)]
        for moment in moments {
            let powers = values.map { value in (0..<moment.power).reduce(1.0) { product, _ in product * value } }
            let error = abs(powers.reduce(0, +) / n - moment.mean)
            #expect(error < 5 * (moment.variance / n).squareRoot(), "moment \(moment.power)")
        }
        let pairs = zip(values, values.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 } / n
        #expect(abs(pairs) < 5 / n.squareRoot())
    }

    @Test(arguments: [0, 1, 2, 17, 1000])
    func `a permutation has every number once`(count: Int) {
        let stream = RandomStream(seed: 5, purpose: "order")
        let order = stream.permutation(count)
        #expect(order.sorted() == (0..<count).map(Int32.init))
        #expect(order == stream.permutation(count))
        if count == 1000 { #expect(order != stream.at(1).permutation(count)) }
    }

    @Test func `every order of a permutation is equally likely`() {
        var counts: [[Int32]: Int] = [:]
        let stream = RandomStream(seed: 6, purpose: "order")
        for index in 0..<24_000 { counts[stream.at(UInt64(index)).permutation(4), default: 0] += 1 }
        #expect(counts.count == 24)
        // Binomial(24000, 1/24): mean 1000, deviation 31.
        #expect(counts.values.allSatisfy { abs($0 - 1000) < 5 * 31 })
    }
}
