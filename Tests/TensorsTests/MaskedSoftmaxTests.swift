import Tensors
import Testing

/// Masks of keys; values and gradients beside PyTorch's are with the other operations.
@Suite struct MaskedSoftmaxTests {
    private let scores = Tensor.normal([2, 3, 4, 5], from: RandomStream(seed: 1, purpose: "scores"))

    @Test func `a mask that allows all keys changes nothing`() {
        #expect(scores.softmax(mask: .full([2, 5], 2)).hasSameBits(as: scores.softmax()))
        #expect(scores.softmax(causal: true, mask: .ones([2, 5])).hasSameBits(as: scores.softmax(causal: true)))
    }

    @Test func `keys that are not allowed have no influence, whatever their scores are`() {
        let mask = Tensor([[1, 1, 0, 1, 0], [0, 0, 1, 1, 1]])
        let expected = scores.softmax(mask: mask)
        for poison in [Float.nan, .infinity, -.infinity, .greatestFiniteMagnitude] {
            let allowed = mask.reshaped(to: [2, 1, 1, 5])
            let output = Tensor.select(allowed, scores, Tensor(poison)).softmax(mask: mask)
            #expect(output.hasSameBits(as: expected), "\(poison)")
        }
        #expect((expected * (1 - mask).reshaped(to: [2, 1, 1, 5])).sumOfMagnitudes().item == 0)
        #expect(expected.sum(axes: [-1]).isClose(to: .ones([2, 3, 4])))
    }

    @Test func `a query that may attend to no key gets zeros, and so does its gradient`() {
        // The second sample has no key; the first query of the first sees only keys that are not allowed.
        let mask = Tensor([[0, 0, 1, 1, 1], [0, 0, 0, 0, 0]])
        let output = scores.softmax(causal: true, mask: mask)
        #expect(output[0].sum(axes: [0, 2]).scalars[0] == 0 && output[1].scalars.allSatisfy { $0 == 0 })
        let slope = gradient(at: scores) { ($0.softmax(causal: true, mask: mask) * scores.squared()).sum() }
        #expect(slope[1].scalars.allSatisfy { $0 == 0 } && slope.scalars.allSatisfy { $0.isFinite })
        #expect(slope[0].sumOfMagnitudes().item > 0)
    }
}
