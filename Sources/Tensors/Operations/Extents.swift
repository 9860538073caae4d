internal import CKernels

/// Up to eight sizes or strides, stored inline in the layout that the kernels read.
struct Extents {
    private var values: (Int, Int, Int, Int, Int, Int, Int, Int) = (0, 0, 0, 0, 0, 0, 0, 0)

    subscript(index: Int) -> Int {
        get { withUnsafeBytes(of: values) { $0.load(fromByteOffset: index * MemoryLayout<Int>.stride, as: Int.self) } }
        set {
            withUnsafeMutableBytes(of: &values) {
                $0.storeBytes(of: newValue, toByteOffset: index * MemoryLayout<Int>.stride, as: Int.self)
            }
        }
    }

    /// The sizes of a shape.
    @inline(__always)
    static func sizes(of shape: Shape) -> Extents {
        var sizes = Extents()
        for axis in 0..<shape.rank { sizes[axis] = shape[axis] }
        return sizes
    }

    /// The distances in elements between neighbours along each axis of a dense tensor.
    @inline(__always)
    static func strides(of shape: Shape) -> Extents {
        var strides = Extents()
        var stride = 1
        for axis in (0..<shape.rank).reversed() {
            strides[axis] = stride
            stride *= shape[axis]
        }
        return strides
    }

    /// The strides with which a dense tensor is read as one of a larger shape: 0 along the axes where it is repeated.
    @inline(__always)
    static func strides(of shape: Shape, broadcastTo target: Shape) -> Extents {
        var strides = Extents()
        var stride = 1
        let missing = target.rank - shape.rank
        for axis in (0..<shape.rank).reversed() {
            strides[axis + missing] = shape[axis] == 1 ? 0 : stride
            stride *= shape[axis]
        }
        return strides
    }

    /// Calls `body` with a pointer to the values.
    @inline(__always)
    func withPointer<R>(_ body: (UnsafePointer<Int>) -> R) -> R {
        withUnsafeBytes(of: values) { body($0.assumingMemoryBound(to: Int.self).baseAddress.unsafelyUnwrapped) }
    }
}

/// One side of a strided copy: the first element and the strides from there.
struct StridedView {
    let base: UnsafeMutablePointer<Float>
    var strides: Extents

    init(_ base: UnsafeMutablePointer<Float>, _ strides: Extents) {
        self.base = base
        self.strides = strides
    }

    /// Copies `sizes` elements from this view to another (or adds them).
    func copy(_ sizes: Shape, to target: StridedView, accumulate: Bool = false) {
        Extents.sizes(of: sizes).withPointer { sizePointer in
            strides.withPointer { from in
                target.strides.withPointer { to in
                    ballast_copy(
                        Int32(truncatingIfNeeded: sizes.rank), sizePointer, base, from, accumulate, target.base, to)
                }
            }
        }
    }
}

extension Shape {
    /// Resolves an axis that may count from the end (-1 is the last).
    func axis(_ axis: Int, for operation: StaticString) -> Int {
        let resolved = axis < 0 ? axis + rank : axis
        guard resolved >= 0, resolved < rank else {
            fail(operation, "axis \(axis) does not exist in the shape \(self)")
        }
        return resolved
    }

    /// The shape to which two others broadcast: sizes must agree from the last axis on, or be 1, or be missing.
    func broadcast(with other: Shape, for operation: StaticString) -> Shape {
        var result = rank >= other.rank ? self : other
        for back in 1..<(1 + Swift.min(rank, other.rank)) {
            let a = self[rank - back]
            let b = other[other.rank - back]
            guard a == b || a == 1 || b == 1 else {
                fail(operation, "the shapes \(self) and \(other) do not fit together: \(a) and \(b) at axis -\(back)")
            }
            result.set(result.rank - back, to: a == 1 ? b : a, for: operation)
        }
        return result
    }

    /// Without the last axis.
    func droppingLast() -> Shape { Shape(prefix(Swift.max(rank - 1, 0))) }
}
