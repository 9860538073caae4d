import Foundation
import Synchronization
import Tensors
import Testing

/// The same bits for any number of threads, and the threads that were promised.
@Suite struct ThreadIndependenceTests {
    /// Every kind of kernel at sizes that are shared among threads.
    static func results() -> [[Float]] {
        let stream = RandomStream(seed: 1, purpose: "threads")
        let x = Tensor.normal([257, 513], from: stream)
        let weight = Tensor.normal([513, 131], from: stream.at(1))
        let images = Tensor.uniform([9, 3, 33, 35], in: -1..<1, from: stream.at(2))
        let kernel = Tensor.normal([8, 3, 3, 3], from: stream.at(3))
        let labels = Tensor(integers: (0..<257).map { Int32($0 % 131) })
        let network = valueWithGradients(at: [x, weight]) { x in
            let hidden = dropout(linear(x[0], x[1], nil, relu: true), probability: 0.3, from: stream.at(4))
            let geometry = NormalizationGeometry.channels(of: hidden.shape)
            let output = normalized(hidden, geometry, weight: nil, bias: nil, epsilon: 1e-5).output
            return crossEntropy(output, labels) + 1e-3 * (x[1].sumOfSquares() + x[0].gelu().mean())
        }
        let convolution = valueWithGradients(at: [images, kernel]) { x in
            maxPool2d(conv2d(x[0], x[1], nil, padding: (1, 1)).tanh(), kernel: (2, 2)).squared().mean()
        }
        let reductions = [x.sum(axes: [0]), x.sum(axes: [1]), x.variance(), x.softmax(), x.transposed() * 2]
        let values = [network.value, convolution.value, x, images]
        return (network.gradients + convolution.gradients + reductions + values).map(\.scalars)
    }

    @Test func `results have the same bits with one thread and with several`() {
        let alone = Kernels.withThreads(1) { Self.results() }
        for count in [2, 3, 4, 8] {
            #expect(Kernels.withThreads(count) { Self.results() } == alone, "\(count) threads give other bits than one")
        }
    }

    @Test func `two callers with threads of their own have all of them at work, side by side`() {
        let together = Mutex([0, 0])
        let group = DispatchGroup()
        for caller in 0..<2 {
            group.enter()
            Thread.detachNewThread {
                Kernels.withThreads(3) {
                    for _ in 0..<10 {
                        let arrived = Atomic(0)
                        let deadline = ContinuousClock.now + .seconds(10)
                        parallelFor(count: 3) { _ in
                            arrived.add(1, ordering: .sequentiallyConsistent)
                            while arrived.load(ordering: .sequentiallyConsistent) < 3, ContinuousClock.now < deadline {
                                usleep(20)
                            }
                        }
                        if ContinuousClock.now < deadline { together.withLock { $0[caller] += 1 } }
                    }
                }
                group.leave()
            }
        }
        group.wait()
        #expect(together.withLock { $0 } == [10, 10])
    }

    @Test func `a choice of threads holds within its closure, also where that throws`() {
        struct Problem: Error {}
        let before = Kernels.threadCount
        #expect(throws: Problem.self) {
            try Kernels.withThreads(5) {
                #expect(Kernels.threadCount == 5)
                Kernels.withThreads(2, polling: .zero) { #expect(Kernels.threadCount == 2) }
                #expect(Kernels.threadCount == 5)
                throw Problem()
            }
        }
        #expect(Kernels.threadCount == before)
    }

    @Test(arguments: [(0, 0), (65, 0), (2, 2), (2, -1)])
    func `a number of threads or a polling time that is none is refused`(count: Int, seconds: Int) async throws {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            [count, seconds] in
            Kernels.withThreads(count, polling: .seconds(seconds)) {}
        }
        let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(message.contains("Kernels: withThreads needs"))
    }

    @Test(arguments: [(0, 1), (1, 1), (7, 3), (1000, 16), (5, 100)])
    func `a parallel loop visits every item once`(count: Int, grain: Int) {
        var visits = Tensor.zeros([count])
        visits.withUnsafeMutableFloats { visits in
            nonisolated(unsafe) let visits = visits
            parallelFor(count: count, grain: grain) { range in
                for item in range { visits[item] += 1 }
            }
        }
        #expect(visits.scalars == Array(repeating: 1, count: count))
    }
}
