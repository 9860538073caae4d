import Tensors
import TestSupport
import Testing

/// Tensors as values: contents, copies, comparison.
@Suite struct TensorTests {
    @Test func `rows make a matrix`() {
        let matrix = Tensor([[1, 2, 3], [4, 5, 6]])
        #expect(matrix.shape == [2, 3] && matrix.scalars == [1, 2, 3, 4, 5, 6])
        let rows: [[Float]] = [[], []]
        #expect(Tensor(rows).shape == [2, 0] && Tensor([[Float]]()).shape == [0, 0] && Tensor([]).shape == [0])
    }

    @Test func `a copy keeps its values when the other is changed`() {
        let original = Tensor([1, 2, 3])
        var copy = original
        var reshaped = original.reshaped(to: [3, 1])
        copy.withUnsafeMutableFloats { $0[0] = 10 }
        reshaped.withUnsafeMutableFloats { $0[1] = 20 }
        #expect(original.scalars == [1, 2, 3])
        #expect(copy.scalars == [10, 2, 3])
        #expect(reshaped.scalars == [1, 20, 3])
    }

    @Test func `a tensor that shares nothing is changed in place`() {
        var tensor = Tensor([1, 2, 3])
        let before = tensor.storage.bytes
        tensor.withUnsafeMutableFloats { $0[0] = 10 }
        #expect(tensor.storage.bytes == before)
    }

    @Test func `compound assignment leaves copies alone`() {
        let original = Tensor([1, 2])
        var tensor = original
        tensor += original
        tensor *= 3
        tensor -= 1
        tensor /= Tensor([5, 11])
        tensor *= original
        tensor -= original
        tensor /= 2
        tensor += 0.5
        #expect(original.scalars == [1, 2])
        #expect(tensor.scalars == [0.5, 0.5])
    }

    @Test func `a change ends the differentiated computation`() {
        let slope = gradient(at: Tensor([1, 2])) { x in
            var y = x * 3
            y.withUnsafeMutableFloats { $0[0] = 0 }
            #expect(!y.isTracked)
            return (y * x).sum()
        }
        #expect(slope.scalars == [0, 6])
    }

    @Test func `closeness is relative and absolute`() {
        let a = Tensor([1, 100, 0])
        #expect(a.isClose(to: Tensor([1.000_001, 100.0001, 0])))
        #expect(!a.isClose(to: Tensor([1.0001, 100, 0])))
        #expect(a.isClose(to: Tensor([1.0001, 100, 0]), relative: 1e-3))
        #expect(a.isClose(to: Tensor([1, 100, 0.01]), absolute: 0.02))
        #expect(!a.isClose(to: Tensor([1, 100, 0], shape: [3, 1])))
        #expect(!Tensor([.nan]).isClose(to: Tensor([.nan])))
        #expect(Tensor([.infinity]).isClose(to: Tensor([.infinity])))
        #expect(!Tensor([.infinity]).isClose(to: Tensor([-.infinity])))
        #expect(!Tensor([.infinity]).isClose(to: Tensor([1])))
        #expect(Tensor(integers: [1, 2]).isClose(to: Tensor(integers: [1, 2])))
        #expect(!Tensor(integers: [1, 2]).isClose(to: Tensor(integers: [1, 3])))
    }

    @Test func `shapes count, compare and print`() {
        var shape: Shape = [2, 3, 5]
        #expect(shape.rank == 3 && shape.elementCount == 30 && shape.elementCount(in: 1..<3) == 15)
        #expect(shape == Shape([2, 3, 5]) && shape != [2, 3] && shape.appending(1) == [2, 3, 5, 1])
        #expect(shape.description == "[2, 3, 5]")
        shape[1] = 0
        #expect(shape.dimensions == [2, 0, 5] && shape.elementCount == 0)
        #expect(Shape().elementCount == 1 && Shape().description == "[]")
        let huge = Int(Int32.max)
        #expect(Shape([huge, 1 << 29]).elementCount == huge << 29)
        #expect(Shape([0, huge, 1 << 29]).elementCount(in: 1..<3) == huge << 29)
    }

    @Test func `integers keep their bits through every change of shape`() {
        // Small integers are denormal floats and negative ones are NaN: no arithmetic may touch them.
        let values = Tensor(integers: [1, -1, 2, .max, .min, 0, 7, -8], shape: [2, 4])
        #expect(values.transposed().integers == [1, .min, -1, 0, 2, 7, .max, -8])
        #expect(values.slice(axis: 1, 1..<3).integers == [-1, 2, 0, 7])
        #expect(values[1].integers == [.min, 0, 7, -8])
        #expect(concatenated([values, values], axis: 1).integers.prefix(6) == [1, -1, 2, .max, 1, -1])
        #expect(values[0].broadcast(to: [2, 4]).integers == [1, -1, 2, .max, 1, -1, 2, .max])
        #expect(values.gathered(rows: Tensor(integers: [1])).integers == [.min, 0, 7, -8])
        #expect(stacked([values, values]).shape == [2, 2, 4])
        #expect(values.split(count: 2, axis: 1).map(\.integers) == [[1, -1, .min, 0], [2, .max, 7, -8]])
    }

    @Test func `integers of one shape can be compared`() {
        let logits = Tensor([1, 3, 2, 5, 5, 0], shape: [2, 3])
        #expect(logits.argmax().integers == [1, 0])
        #expect(logits.argmax().isEqual(to: Tensor(integers: [1, 2])).scalars == [1, 0])
        #expect(Tensor(integers: [-1, 1]).isEqual(to: Tensor(integers: [-1, -1])).scalars == [1, 0])
    }

    @Test func `comparisons give ones and zeros`() {
        let x = Tensor([1, 2, 3, .nan])
        #expect(x.isGreater(than: 2).scalars == [0, 0, 1, 0])
        #expect(x.isGreaterOrEqual(to: 2).scalars == [0, 1, 1, 0])
        #expect(x.isEqual(to: 2).scalars == [0, 1, 0, 0])
        #expect(Tensor([1, 2], shape: [2, 1]).isGreater(than: Tensor([0, 1])).scalars == [1, 0, 1, 1])
    }

    @Test func `select takes no NaN from the side that is not chosen`() {
        let chosen = Tensor.select(Tensor([1, 0]), Tensor([1, .nan]), Tensor([.nan, 2]))
        #expect(chosen.scalars == [1, 2])
        let slope = gradient(at: Tensor([4, -1])) { Tensor.select($0.isGreater(than: 0), $0.log(), $0).sum() }
        #expect(slope.scalars[0] == 0.25)
    }
}
