import Tensors
import Testing

/// Samples of image planes, and the parts of random streams that fill memory.
@Suite struct SamplingTests {
    private func sampled(_ plane: [Float], _ height: Int, _ width: Int, _ grid: SamplingGrid) -> [Float] {
        var samples = [Float](repeating: .nan, count: plane.count)
        plane.withUnsafeBufferPointer { plane in
            samples.withUnsafeMutableBufferPointer {
                sampleBilinearly(plane, height: height, width: width, along: grid, fill: 9, into: $0)
            }
        }
        return samples
    }

    @Test func `the default grid gives the pixels, others what lies between them and the fill around`() {
        let plane: [Float] = [1, 2, 4, 8, 16, 32]
        #expect(sampled(plane, 2, 3, SamplingGrid()) == plane)
        #expect(sampled(plane, 2, 3, SamplingGrid(x: 0.5, xx: 1)) == [1.5, 3, 6.5, 12, 24, 20.5])
        #expect(sampled(plane, 2, 3, SamplingGrid(x: 2, xx: -1, y: 1, yy: -1)) == plane.reversed())
        #expect(sampled(plane, 2, 3, SamplingGrid(xx: 0, xy: 1, yx: 1, yy: 0)) == [1, 8, 9, 2, 16, 9])
        #expect(sampled([], 0, 3, SamplingGrid()).isEmpty)
    }

    @Test func `a plane that does not fit its memory stops the program`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let plane: [Float] = [1, 2, 3]
            plane.withUnsafeBufferPointer {
                sampleBilinearly(
                    $0, height: 2, width: 2, along: SamplingGrid(),
                    into: UnsafeMutableBufferPointer(start: nil, count: 0))
            }
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("a plane of 2 x 2 does not fit buffers of 3 and 0 elements"), "\(text)")
    }

    @Test func `memory is filled with the numbers of the stream's tensors`() {
        let stream = RandomStream(seed: 3, purpose: "memory").at(5)
        var words = [UInt32](repeating: 0, count: 9)
        words.withUnsafeMutableBufferPointer { stream.fill($0, from: 3) }
        #expect(words == stream.words(9, from: 3))
        var numbers = [Float](repeating: 0, count: 9)
        numbers.withUnsafeMutableBufferPointer { stream.fillUniform($0, in: -1..<2) }
        #expect(numbers == Tensor.uniform([9], in: -1..<2, from: stream).scalars)
        numbers.withUnsafeMutableBufferPointer { stream.fillNormal($0, mean: 1, deviation: 2) }
        #expect(numbers == Tensor.normal([9], mean: 1, deviation: 2, from: stream).scalars)
    }

    @Test func `branches of a stream differ from it, from each other and by index, and are always the same`() {
        let stream = RandomStream(seed: 3, purpose: "branches").at(5)
        let all = [stream] + (-1..<20).map { stream.branch($0) } + (0..<20).map { stream.at(6).branch($0) }
        #expect(Set(all.map { $0.words(4) }).count == all.count)
        #expect(stream.branch(7) == RandomStream(seed: 3, purpose: "branches").at(5).branch(7))
        // Two branches share no more bits than chance has it: 4096 of 8192, within five standard deviations of 45.
        let pairs = zip(stream.branch(0).words(256), stream.branch(1).words(256))
        let shared = pairs.reduce(0) { $0 + (~($1.0 ^ $1.1)).nonzeroBitCount }
        #expect(abs(shared - 4096) < 226, "\(shared) bits agree")
    }
}
