import Tensors
import TestSupport
import Testing

/// Random streams: the published words, the moments, independence of history.
@Suite struct RandomStreamTests {
    /// The first are in the kat_vectors of the Random123 library; the others were computed from the definition of
    /// Philox4x32-10 in Python. The tests of the kernels compare every word with that definition.
    @Test(
        arguments: [
            (0, [0xb60a_410e, 0x61bd_7780, 0xa53f_3958, 0x3d51_eb3f, 0x314d_db4b, 0x0ab8_3527]),
            (7, [0x3fc8_cf4c, 0x84c5_a1a3, 0x02e1_503d, 0xa70f_2831, 0x5ef8_e495, 0x7e69_7560]),
            ((1 << 34) + 5, [0x5611_b3d6, 0xbc20_6417, 0x9bf4_5aea, 0x28ea_a5e4, 0x532e_f6bf, 0x5f17_6424]),
        ] as [(Int, [UInt32])])
    func `the words are those of Philox`(start: Int, expected: [UInt32]) {
        #expect(RandomStream(key: 0, index: 0).words(4) == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
        let stream = RandomStream(key: 0x299f_31d0_a409_3822, index: 0x0370_7344_1319_8a2e)
        #expect(stream.words(6, from: start) == expected)
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
