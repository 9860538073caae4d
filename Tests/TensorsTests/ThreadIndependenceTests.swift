import Tensors
import Testing

/// The same bits for any number of threads. The number is the process's, so each test has a process of its own.
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

    @Test func `results have the same bits with one thread and with several`() async {
        await #expect(processExitsWith: .success) {
            Kernels.threadCount = 1
            let alone = ThreadIndependenceTests.results()
            for count in [2, 3, 7] {
                Kernels.threadCount = count
                precondition(ThreadIndependenceTests.results() == alone, "\(count) threads give other bits than one")
            }
        }
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
