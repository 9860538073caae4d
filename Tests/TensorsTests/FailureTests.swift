import Tensors
import Testing

/// Mistakes stop the program with a message that names the operation and both shapes.
@Suite struct FailureTests {
    /// Requires that a failed process wrote all of some words.
    private func expectMessage(
        _ result: ExitTest.Result?, _ words: String..., location: SourceLocation = #_sourceLocation
    ) {
        let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        for word in words {
            #expect(message.contains(word), "the message is: \(message)", sourceLocation: location)
        }
    }

    @Test func `shapes that do not broadcast`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor.zeros([3, 2]) + Tensor.zeros([3])
        }
        expectMessage(result, "add: ", "[3, 2]", "[3]")
    }

    @Test func `matrices that cannot be multiplied`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = matmul(.zeros([2, 3]), .zeros([2, 3]))
        }
        expectMessage(result, "matmul: ", "[2, 3]")
        let batched = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = matmul(.zeros([2, 4, 3]), .zeros([5, 3, 4]))
        }
        expectMessage(batched, "matmul: ", "[2, 4, 3]", "[5, 3, 4]")
    }

    @Test func `a layer's input that does not fit, with the layer's path`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let crumb = Breadcrumb(path: "encoder.linear2")
            let previous = crumb.enter()
            _ = linear(.zeros([8, 3]), .zeros([4, 5]), .zeros([5]))
            Breadcrumb.leave(to: previous)
        }
        expectMessage(result, "linear: ", "[8, 3]", "[4, 5]", "encoder.linear2")
    }

    @Test func `a label out of range`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = crossEntropy(.zeros([3, 10]), Tensor(integers: [0, 9, 10]))
        }
        expectMessage(result, "crossEntropy: ", "label 10", "position 2", "0..<10")
    }

    @Test func `labels of another shape`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = crossEntropy(.zeros([3, 10]), Tensor(integers: [0, 9]))
        }
        expectMessage(result, "crossEntropy: ", "[2]", "[3, 10]")
    }

    @Test func `a token out of range`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = embedding(Tensor(integers: [0, 1, -1, 2], shape: [2, 2]), .zeros([3, 4]))
        }
        expectMessage(result, "embedding: ", "token -1", "position 2", "[2, 2]", "0..<3")
    }

    @Test func `a shape with another number of elements`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor.zeros([3, 4]).reshaped(to: [5, 2])
        }
        expectMessage(result, "reshaped: ", "[3, 4]", "[5, 2]")
        let inferred = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor.zeros([3, 4]).reshaped(to: [5, -1])
        }
        expectMessage(inferred, "reshaped: ", "[3, 4]", "[5, -1]")
    }

    @Test func `an axis that does not exist`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor.zeros([3, 4]).sum(axes: [2])
        }
        expectMessage(result, "sum: ", "axis 2", "[3, 4]")
    }

    @Test func `a slice beyond the end`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor.zeros([3, 4]).slice(axis: 1, 2..<5)
        }
        expectMessage(result, "slice: ", "2..<5", "[3, 4]")
    }

    @Test func `tensors that cannot be joined`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = concatenated([.zeros([3, 4]), .zeros([2, 5])], axis: 0)
        }
        expectMessage(result, "concatenated: ", "[3, 4]", "[2, 5]")
    }

    @Test func `a convolution whose kernel is too large, or whose channels differ`() async {
        let large = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = conv2d(.zeros([1, 1, 2, 9]), .zeros([1, 1, 3, 3]), nil)
        }
        expectMessage(large, "conv2d: ", "[1, 1, 2, 9]", "window of 3")
        let channels = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = conv2d(.zeros([1, 2, 9, 9]), .zeros([1, 1, 3, 3]), nil)
        }
        expectMessage(channels, "conv2d: ", "[1, 2, 9, 9]", "[1, 1, 3, 3]")
    }

    @Test func `an output and a target of two shapes`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = meanSquaredError(.zeros([3, 1]), .zeros([3]))
        }
        expectMessage(result, "meanSquaredError: ", "[3, 1]", "[3]")
    }

    @Test func `a probability out of range`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = dropout(.zeros([3]), probability: 1, from: RandomStream(seed: 1, purpose: ""))
        }
        expectMessage(result, "dropout: ", "0..<1")
    }

    @Test func `arithmetic with labels`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor(integers: [1, 2]) * 2
        }
        expectMessage(result, "multiply: ", "integers", "[2]")
    }

    @Test func `a normalization of another shape or with too small a weight`() async {
        let shape = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = moments(.zeros([3, 4]), .channels(of: [4, 3]))
        }
        expectMessage(shape, "moments: ", "[3, 4]", "[4, 3]")
        let weight = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = normalized(.zeros([3, 4]), .channels(of: [3, 4]), weight: .zeros([3]), bias: nil, epsilon: 1e-5)
        }
        expectMessage(weight, "normalized: ", "[3, 4]", "[3]", "weight of 4")
    }

    @Test func `the gradient of something that is no scalar`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = gradient(at: .zeros([3])) { $0 * 2 }
        }
        expectMessage(result, "gradient: ", "scalar", "[3]")
    }

    @Test func `a custom operation whose gradient has another shape`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = gradient(at: .zeros([3])) { x in
                Tensor.custom("mine", inputs: [x], output: x.detached) { _ in [.zeros([2])] }.sum()
            }
        }
        expectMessage(result, "mine: ", "[2]", "[3]")
    }

    @Test func `tensors of two computations that meet`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = gradient(at: .ones([3])) { outer in
                gradient(at: .ones([3])) { inner in (inner * outer).sum() }.sum()
            }
        }
        expectMessage(result, "gradient: ", "two differentiated computations", "detached")
    }

    @Test func `a nested gradient to which the outer one's tensors belong`() async {
        let argument = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = gradient(at: .ones([3])) { x in gradient(at: x) { ($0 * $0 * $0).sum() }.sum() }
        }
        expectMessage(argument, "gradient: ", "argument 0", "[3]", "outer", "`detached`")
        let captured = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = gradient(at: .ones([3])) { x in gradient(at: .ones([2])) { _ in x.sum() }.sum() }
        }
        expectMessage(captured, "gradient: ", "the value depends only on", "outer", "`detached`")
    }

    @Test func `a gradient with respect to labels`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = gradient(at: Tensor(integers: [1])) { _ in Tensor(0) }
        }
        expectMessage(result, "gradient: ", "integers")
    }

    @Test func `rows of different lengths`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor([[1, 2], [3]])
        }
        expectMessage(result, "Tensor: ", "row 1", "1 scalars", "row 0 has 2")
    }

    @Test func `masks of another shape`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor.zeros([2, 4, 3]).softmax(mask: .ones([2, 4]))
        }
        expectMessage(result, "softmax: ", "[2, 4]", "[2, 4, 3]", "[batch, keys]")
    }

    @Test func `parameters of random draws that no distribution has`() async {
        let gamma = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = RandomStream(seed: 1, purpose: "").gamma(0)
        }
        expectMessage(gamma, "gamma: ", "positive and finite", "[0.0]")
        let dirichlet = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor.dirichlet(0, alphas: [], from: RandomStream(seed: 1, purpose: ""))
        }
        expectMessage(dirichlet, "dirichlet: ", "at least one")
    }
}
