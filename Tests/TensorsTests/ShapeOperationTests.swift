import Tensors
import TestSupport
import Testing

/// Broadcasting and shapes against plain loops, empty tensors included.
@Suite struct ShapeOperationTests {
    private static let stream = RandomStream(seed: 3, purpose: "shapes")

    @Test(arguments: [
        ([], []), ([1], []), ([], [17]), ([3, 1, 5], [2, 1]), ([15], [2, 3, 15]), ([1, 16, 1], [4, 1, 33]),
        ([0, 5], [5]), ([3, 1], [3, 0]), ([2, 1, 2, 1, 2, 1, 2, 1], [1, 3, 1, 3, 1, 3, 1, 3]), ([31, 33], [31, 1]),
    ])
    func `broadcasting repeats sizes of one`(a: [Int], b: [Int]) {
        let x = Tensor.normal(Shape(a), from: Self.stream)
        let y = Tensor.normal(Shape(b), from: Self.stream.at(1))
        let sum = x - 2 * y
        #expect(sum.shape == reference(x, y).shape)
        #expect(sum.scalars == reference(x, y).scalars)
        let target = sum.shape
        #expect((x.broadcast(to: target) - 2 * y.broadcast(to: target)).scalars == sum.scalars)
    }

    /// x - 2 y element by element, from the definition of broadcasting.
    private func reference(_ x: Tensor, _ y: Tensor) -> Tensor {
        let rank = max(x.rank, y.rank)
        func padded(_ shape: Shape) -> [Int] { Array(repeating: 1, count: rank - shape.rank) + shape.dimensions }
        let (left, right) = (padded(x.shape), padded(y.shape))
        let sizes = zip(left, right).map { $0 == 1 ? $1 : $0 }
        func element(_ tensor: [Float], _ shape: [Int], at position: [Int]) -> Float {
            tensor[zip(shape, position).reduce(0) { $0 * $1.0 + ($1.0 == 1 ? 0 : $1.1) }]
        }
        let (xs, ys) = (x.scalars, y.scalars)
        let count = sizes.reduce(1, *)
        let values = (0..<count).map { flat -> Float in
            var rest = flat
            let position = sizes.reversed().map { size in
                defer { rest /= size }
                return rest % size
            }
            let at = Array(position.reversed())
            return element(xs, left, at: at) - 2 * element(ys, right, at: at)
        }
        return Tensor(values, shape: Shape(sizes))
    }

    @Test func `summing to a shape reverses broadcasting`() {
        let x = Tensor.normal([2, 3, 4], from: Self.stream)
        #expect(x.summed(toShape: [2, 3, 4]).scalars == x.scalars)
        #expect(x.summed(toShape: [3, 1]).isClose(to: x.sum(axes: [0, 2]).reshaped(to: [3, 1])))
        #expect(x.summed(toShape: []).isClose(to: x.sum()))
    }

    @Test func `reshaping infers one size and shares memory`() {
        let x = Tensor.normal([4, 6], from: Self.stream)
        let y = x.reshaped(to: [2, -1, 3])
        #expect(y.shape == [2, 4, 3])
        #expect(y.storage === x.storage)
        #expect(x.flattened().shape == [24])
        #expect(x.reshaped(to: [2, 2, 6]).flattened(from: 1).shape == [2, 12])
        #expect(x.reshaped(to: [2, 2, 6]).flattened(from: -2).shape == [2, 12])
        #expect(x.expandingDimension(at: -1).shape == [4, 6, 1])
        #expect(x.expandingDimension(at: 0).squeezed(0).shape == [4, 6])
        #expect(Tensor.zeros([0, 4]).flattened(from: 1).shape == [0, 4])
    }

    @Test func `splitting and joining are inverse`() {
        let x = Tensor.normal([3, 7, 2], from: Self.stream)
        let parts = x.split(sizes: [1, 0, 4, 2], axis: 1)
        #expect(parts.map(\.shape) == [[3, 1, 2], [3, 0, 2], [3, 4, 2], [3, 2, 2]])
        #expect(concatenated(parts, axis: -2).scalars == x.scalars)
        #expect(stacked((0..<3).map { x[$0] }).scalars == x.scalars)
    }

    @Test func `permuting back gives the original`() {
        let x = Tensor.normal([2, 3, 5, 7], from: Self.stream)
        let y = x.permuted([3, 1, 0, -2])
        #expect(y.shape == [7, 3, 2, 5])
        #expect(y.permuted([2, 1, 3, 0]).scalars == x.scalars)
        #expect(x.transposed().shape == [2, 3, 7, 5])
    }

    @Test func `reductions of nothing`() {
        let x = Tensor.zeros([0, 3])
        #expect(x.sum().item == 0)
        #expect(x.sum(axes: [0]).scalars == [0, 0, 0])
        #expect(x.sum(axes: [1]).shape == [0])
        #expect(x.mean().item.isNaN)
        #expect(x.maximum(axes: [0]).scalars.allSatisfy { $0 == -.infinity })
        #expect(Tensor([1, 2], shape: [2, 1]).sum(axes: []).scalars == [1, 2])
    }

    @Test func `a batch without rows passes through a network and has zero gradients`() {
        let arguments = [Tensor.zeros([0, 5]), .ones([5, 3]), .ones([3]), .ones([2, 3])]
        let (value, gradients) = valueWithGradients(at: arguments) { x in
            let hidden = linear(x[0], x[1], x[2], relu: true)
            return matmul(hidden, x[3], transposeB: true).softmax().sum() + hidden.sum(axes: [0]).sum()
        }
        #expect(value.item == 0)
        #expect(gradients.map(\.shape) == arguments.map(\.shape))
        #expect(gradients.allSatisfy { $0.scalars.allSatisfy { $0 == 0 } })
    }

    @Test func `an empty batch of matrix products, convolutions and lookups`() {
        #expect(matmul(.zeros([0, 2, 3]), .zeros([0, 3, 4])).shape == [0, 2, 4])
        #expect(matmul(.zeros([2, 0]), .zeros([0, 4])).scalars == Array(repeating: 0, count: 8))
        let shared = gradient(at: .ones([3, 4])) { matmul(.zeros([0, 3, 2]), $0, transposeA: true).sum() }
        #expect(shared.scalars == Array(repeating: 0, count: 12))
        #expect(conv2d(.zeros([0, 2, 5, 5]), .zeros([3, 2, 3, 3]), nil).shape == [0, 3, 3, 3])
        #expect(embedding(Tensor(integers: [], shape: [0, 4]), .zeros([3, 2])).shape == [0, 4, 2])
    }
}
