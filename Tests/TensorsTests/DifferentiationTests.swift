import Tensors
import TestSupport
import Testing

/// The backward pass: what flows where, and what stays separate.
@Suite struct DifferentiationTests {
    @Test func `a tensor that is used twice gets both gradients`() {
        let x = Tensor([1, 2, 3])
        #expect(gradient(at: x) { ($0 + $0).sum() }.scalars == [2, 2, 2])
        #expect(gradient(at: x) { ($0 * $0).sum() }.scalars == [2, 4, 6])
        #expect(gradient(at: x) { ($0 - $0 * 3 + $0 / 2).sum() }.scalars == [-1.5, -1.5, -1.5])
    }

    @Test func `operands that share a gradient do not disturb each other`() {
        // Both get the same gradient tensor from the sum; then only the left one gets more.
        let (_, gradients) = valueWithGradients(at: [Tensor([1, 1]), Tensor([1, 1])]) { x in
            let early = (x[0] * 5).sum()
            return early + (x[0] + x[1]).sum()
        }
        #expect(gradients[0].scalars == [6, 6])
        #expect(gradients[1].scalars == [1, 1])
    }

    @Test func `an argument that the value does not depend on gets zeros`() {
        let (value, gradients) = valueWithGradients(at: [Tensor([2]), Tensor([1, 1])]) { $0[0].sum() }
        #expect(value.item == 2)
        #expect(gradients[0].scalars == [1])
        #expect(gradients[1].scalars == [0, 0])
    }

    @Test func `no gradient flows through detached tensors and comparisons`() {
        let x = Tensor([-1, 2])
        #expect(gradient(at: x) { ($0.detached * $0).sum() }.scalars == [-1, 2])
        #expect(gradient(at: x) { ($0.isGreater(than: 0) * $0).sum() }.scalars == [0, 1])
    }

    @Test func `values and gradients are not tracked`() {
        let (value, gradients) = valueWithGradients(at: [Tensor([2])]) { ($0[0] * $0[0]).sum() }
        #expect(!value.isTracked)
        #expect(!gradients[0].isTracked)
    }

    @Test func `a tensor that outlives its computation is a constant`() {
        var kept = Tensor(0)
        _ = gradient(at: Tensor([3])) { x in
            kept = x * 2
            #expect(kept.isTracked)
            return kept.sum()
        }
        #expect(!kept.isTracked)
        #expect(kept.scalars == [6])
        let later = gradient(at: Tensor([5])) { (kept * $0).sum() }
        #expect(later.scalars == [6])
        #expect(!(kept * kept).isTracked)
    }

    @Test func `a tape that is used again forgets what was before`() {
        let tape = Tape.acquire()
        tape.reset(leafCount: 1)
        let stale = tape.leaf(0, Tensor([3])) * 2
        tape.reset(leafCount: 1)
        #expect(!stale.isTracked)
        #expect(tape.index(of: stale) == nil)
        tape.seed((tape.leaf(0, Tensor([5])) * stale).sum())
        tape.backward()
        #expect(tape.takeGradient(ofLeaf: 0)?.scalars == [6])
    }

    @Test func `two tapes at once do not see each other`() {
        let tapes = [Tape.acquire(), Tape.acquire()]
        for tape in tapes { tape.reset(leafCount: 1) }
        let outputs = tapes.enumerated().map { ($1.leaf(0, Tensor([2])) * Float($0 + 3)).sum() }
        #expect(tapes[0].index(of: outputs[1]) == nil)
        for (tape, output) in zip(tapes, outputs) {
            tape.seed(output)
            tape.backward()
        }
        #expect(tapes.map { $0.takeGradient(ofLeaf: 0)?.scalars } == [[3], [4]])
    }

    @Test func `differentiation may be nested where the computations do not meet`() {
        let outer = gradient(at: Tensor([2, 3])) { x in
            let inner = gradient(at: x.detached) { ($0 * $0 * $0).sum() }
            return (inner * x).sum()
        }
        #expect(outer.scalars == [12, 27])
    }

    @Test func `a nested computation is a constant of the outer one`() {
        let outer = gradient(at: Tensor([2, 3])) { x in
            let (value, gradients) = valueWithGradients(at: [x.detached]) { ($0[0] * x.detached).sum() }
            #expect(!value.isTracked && !gradients[0].isTracked)
            // The outer computation goes on recording after the inner one.
            return (gradients[0] * x).sum() + value * x[0]
        }
        #expect(outer.scalars == [2 + 13, 3])
    }

    @Test func `the time of tagged operations in the backward pass is reported, by tag`() {
        let tape = Tape.acquire()
        defer { tape.release() }
        tape.reset(leafCount: 1)
        var tags: [Int32] = []
        tape.backwardTimer = { tag, time in
            tags.append(tag)
            #expect(time >= .zero)
        }
        var x = tape.leaf(0, Tensor([1, 2])) * 2
        tape.tag = 7
        x = x.exp()
        tape.tag = 3
        x = x.squared()
        tape.tag = -1
        tape.seed(x.sum())
        tape.backward()
        #expect(tags == [3, 7])
    }

    @Test func `the penalty of a leaf is kept as a factor of the leaf`() {
        let tape = Tape.acquire()
        defer { tape.release() }
        tape.reset(leafCount: 2)
        let leaves = [tape.leaf(0, Tensor([1, 2])), tape.leaf(1, Tensor([3]))]
        let penalty =
            0.5 * (leaves[0].sumOfSquares() + leaves[1].sumOfSquares() + (leaves[1] * 2).sumOfSquares())
            + leaves[1].sumOfMagnitudes()
        #expect(penalty.item == 0.5 * (1 + 4 + 9 + 36) + 3)
        tape.seed(3 * penalty)
        tape.backward()
        #expect(tape.takeGradient(ofLeaf: 0) == nil)
        #expect(tape.foldedGradient(ofLeaf: 0) == Tape.FoldedGradient(weightDecay: 3))
        #expect(tape.takeGradient(ofLeaf: 1)?.scalars == [3 * 2 * 6])
        #expect(tape.foldedGradient(ofLeaf: 1) == Tape.FoldedGradient(weightDecay: 3, l1: 3))
    }

    @Test func `sums of squares and magnitudes have the gradients of each`() {
        let x = [Tensor([1, -2], shape: [2, 1]), Tensor([0, 3, -4])]
        let squares = valueWithGradients(at: x) { 0.5 * ($0[0].sumOfSquares() + $0[1].sumOfSquares()) }
        #expect(squares.value.item == 15)
        #expect(squares.gradients.map(\.scalars) == [[1, -2], [0, 3, -4]])
        let magnitudes = valueWithGradients(at: x) {
            2 * ($0[0].sumOfMagnitudes() + $0[1].sumOfMagnitudes() + ($0[0] * 2).sumOfMagnitudes())
        }
        #expect(magnitudes.value.item == 32)
        #expect(magnitudes.gradients.map(\.scalars) == [[6, -6], [0, 2, -2]])
    }

    @Test func `a custom operation has the gradient that it states`() {
        func cube(_ x: Tensor) -> Tensor {
            let values = x.detached
            return .custom("cube", inputs: [x], output: values * values * values) { gradient in
                [gradient * 3 * values * values]
            }
        }
        let x = Tensor.normal([3, 5], from: RandomStream(seed: 1, purpose: "cube"))
        #expect(checkGradients(of: { cube($0[0] * 2) }, at: [x]).isEmpty)
        #expect(!cube(x).isTracked)
        let wrong: (Tensor) -> Tensor = { x in
            .custom("wrong", inputs: [x], output: x.detached.exp()) { [$0] }
        }
        #expect(!checkGradients(of: { wrong($0[0]) }, at: [x]).isEmpty, "a wrong gradient has to be noticed")
    }

    @Test func `a custom operation may leave inputs without gradient`() {
        let (_, gradients) = valueWithGradients(at: [Tensor([2]), Tensor([3])]) { x in
            .custom("first", inputs: x, output: (x[0].detached * x[1].detached).sum()) { gradient in
                [gradient.reshaped(to: [1]), nil]
            }
        }
        #expect(gradients.map(\.scalars) == [[1], [0]])
    }

    @Test func `values saved for the backward pass are released`() {
        weak var saved: Storage?
        let tape = Tape.acquire()
        tape.reset(leafCount: 1)
        do {
            let product = tape.leaf(0, Tensor([2, 3])).squared()
            saved = product.storage
            let output = (product * product).sum()
            tape.seed(output)
            #expect(saved != nil)
        }
        #expect(saved != nil)
        tape.backward()
        #expect(saved == nil)
    }
}
