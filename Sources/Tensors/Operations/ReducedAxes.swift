internal import CKernels

/// The axes over which a tensor is reduced.
struct ReducedAxes {
    /// The shape that is reduced.
    let shape: Shape
    /// The same shape with the size 1 along the reduced axes.
    let kept: Shape
    /// The shape without the reduced axes.
    let dropped: Shape
    /// One bit for each reduced axis.
    private let mask: UInt32

    private init(of shape: Shape, mask: UInt32) {
        self.shape = shape
        self.mask = mask
        var kept = shape
        var dropped = Shape()
        for axis in 0..<shape.rank {
            if mask & (1 << UInt32(axis)) != 0 { kept[axis] = 1 } else { dropped.append(shape[axis]) }
        }
        self.kept = kept
        self.dropped = dropped
    }

    /// All axes.
    init(allOf shape: Shape) { self.init(of: shape, mask: (1 << UInt32(shape.rank)) - 1) }

    /// The given axes, which may count from the end.
    init(_ axes: [Int], of shape: Shape, for operation: StaticString) {
        var mask: UInt32 = 0
        for axis in axes {
            let bit = UInt32(1) << UInt32(shape.axis(axis, for: operation))
            guard mask & bit == 0 else { fail(operation, "axis \(axis) is given twice in \(axes)") }
            mask |= bit
        }
        self.init(of: shape, mask: mask)
    }

    /// The axes along which a tensor of the shape `original` was repeated to get to `shape`.
    init(of shape: Shape, broadcastFrom original: Shape) {
        let missing = shape.rank - original.rank
        var mask: UInt32 = 0
        for axis in 0..<shape.rank where axis < missing || (original[axis - missing] == 1 && shape[axis] != 1) {
            mask |= 1 << UInt32(axis)
        }
        self.init(of: shape, mask: mask)
    }

    /// The first element of each group that is reduced, of the shape ``kept`` unless a reduced axis is empty.
    func first(of tensor: Tensor) -> Tensor {
        (0..<shape.rank).reduce(tensor) { part, axis in
            mask & (1 << UInt32(axis)) != 0 && shape[axis] > 1 ? part.slice(axis: axis, 0..<1) : part
        }
    }

    /// The number of elements per result.
    var count: Int {
        var product = 1
        for axis in 0..<shape.rank where mask & (1 << UInt32(axis)) != 0 { product *= shape[axis] }
        return product
    }

    /// One over ``count``.
    var reciprocalCount: Float { Float(1 / Double(count)) }

    /// Writes `scale * reduction` to memory of ``kept``'s size, or adds it.
    func reduce(
        _ reduction: ballast_reduction, _ tensor: Tensor, scale: Float = 1, accumulate: Bool = false,
        into output: UnsafeMutablePointer<Float>
    ) {
        guard mask != (1 << UInt32(shape.rank)) - 1 else {
            return tensor.reduceAll(reduction, scale: scale, accumulate: accumulate, into: output)
        }
        Extents.sizes(of: shape).withPointer { sizes in
            ballast_reduce(
                reduction, Int32(truncatingIfNeeded: shape.rank), sizes, mask, tensor.storage.floats, scale,
                accumulate, output)
        }
    }

    /// The reduction as a new tensor, not recorded.
    func reduced(
        _ reduction: ballast_reduction, _ tensor: Tensor, scale: Float = 1, keepingDimensions: Bool
    ) -> Tensor {
        let output = Tensor(uninitialized: keepingDimensions ? kept : dropped)
        reduce(reduction, tensor, scale: scale, into: output.storage.floats)
        return output
    }
}

extension Tensor {
    /// Writes `scale * reduction` over all elements to memory, or adds it: a plain array, whatever the rank.
    func reduceAll(
        _ reduction: ballast_reduction, scale: Float, accumulate: Bool, into output: UnsafeMutablePointer<Float>
    ) {
        withUnsafePointer(to: elementCount) { count in
            ballast_reduce(reduction, 1, count, 1, storage.floats, scale, accumulate, output)
        }
    }
}
