internal import CKernels

// Everything here moves elements without arithmetic, so it works for integers and floats.

// MARK: Views that share memory

extension Tensor {
    /// The same elements in another shape; no memory is copied.
    ///
    /// - Parameter target: the sizes; one of them may be -1, which is inferred from the number of elements.
    /// - Precondition: both shapes have the same number of elements.
    public func reshaped(to target: [Int]) -> Tensor {
        guard let unknown = target.firstIndex(of: -1) else { return reshaped(to: Shape(target, for: "reshaped")) }
        var sizes = target
        sizes.remove(at: unknown)
        let known = Shape(sizes, for: "reshaped").elementCount
        guard known > 0, elementCount.isMultiple(of: known) else {
            fail("reshaped", "the shape \(shape) of \(elementCount) elements does not divide into \(target)")
        }
        sizes.insert(elementCount / known, at: unknown)
        return reshaped(to: Shape(sizes, for: "reshaped"))
    }

    /// The same elements in another shape; no memory is copied.
    ///
    /// - Precondition: both shapes have the same number of elements.
    public func reshaped(to target: Shape) -> Tensor {
        guard target != shape else { return self }
        guard target.elementCount == elementCount else {
            fail(
                "reshaped",
                "the shape \(shape) of \(elementCount) elements cannot become \(target) of \(target.elementCount)")
        }
        let output = Tensor(storage: storage, shape: target, scalarType: scalarType)
        guard let tape = Tape.of(self) else { return output }
        let index = tape.index(of: self)
        let original = shape
        return tape.record("reshaped", output) { gradient, tape in
            tape.accumulate(gradient.reshaped(to: original), into: index)
        }
    }

    /// The same elements with the axes from `axis` on joined into one.
    public func flattened(from axis: Int = 0) -> Tensor {
        if axis == 0 { return reshaped(to: Shape(CollectionOfOne(elementCount), for: "flattened")) }
        let axis = shape.axis(axis, for: "flattened")
        let joined = shape.elementCount(in: axis..<rank)
        return reshaped(to: Shape(shape[..<axis]).appending(joined, for: "flattened"))
    }

    /// The same elements with another axis of size 1 before `axis` (-1: after the last).
    public func expandingDimension(at axis: Int) -> Tensor {
        let position = axis < 0 ? axis + rank + 1 : axis
        guard position >= 0, position <= rank else {
            fail("expandingDimension", "there is no place \(axis) for an axis in the shape \(shape)")
        }
        var sizes = shape.dimensions
        sizes.insert(1, at: position)
        return reshaped(to: Shape(sizes, for: "expandingDimension"))
    }

    /// The same elements without an axis of size 1.
    public func squeezed(_ axis: Int) -> Tensor {
        let resolved = shape.axis(axis, for: "squeezed")
        guard shape[resolved] == 1 else {
            fail("squeezed", "axis \(axis) of the shape \(shape) has the size \(shape[resolved]), not 1")
        }
        var sizes = shape.dimensions
        sizes.remove(at: resolved)
        return reshaped(to: Shape(sizes))
    }
}

// MARK: Permutations and broadcasts

extension Tensor {
    /// The tensor with the last two axes exchanged.
    public func transposed() -> Tensor {
        guard rank >= 2 else { fail("transposed", "needs two axes, but the shape is \(shape)") }
        var axes = Array(0..<rank)
        axes.swapAt(rank - 2, rank - 1)
        return permuted(axes)
    }

    /// The tensor with the axes in another order: axis i of the result is axis `axes[i]` of this tensor.
    public func permuted(_ axes: [Int]) -> Tensor {
        let order = axes.map { shape.axis($0, for: "permuted") }
        guard order.count == rank, Set(order).count == rank else {
            fail("permuted", "\(axes) is not a permutation of the \(rank) axes of the shape \(shape)")
        }
        let dense = Extents.strides(of: shape)
        var strides = Extents()
        for (axis, source) in order.enumerated() { strides[axis] = dense[source] }
        let target = Shape(order.map { shape[$0] })
        let output = Tensor(uninitialized: target, scalarType: scalarType)
        StridedView(storage.floats, strides).copy(
            target, to: StridedView(output.storage.floats, .strides(of: target)))
        guard let tape = Tape.of(self) else { return output }
        let slot = tape.slot(of: self)
        return tape.record("permuted", output) { gradient, tape in
            tape.accumulate(into: slot) { pointer, accumulate in
                StridedView(gradient.storage.floats, .strides(of: target)).copy(
                    target, to: StridedView(pointer, strides), accumulate: accumulate)
            }
        }
    }

    /// The tensor repeated along axes of size 1, and along new outermost axes, to fill a larger shape.
    public func broadcast(to target: Shape) -> Tensor {
        guard target != shape else { return self }
        guard rank <= target.rank, shape.broadcast(with: target, for: "broadcast") == target else {
            fail("broadcast", "the shape \(shape) cannot be repeated to fill \(target)")
        }
        let output = Tensor(uninitialized: target, scalarType: scalarType)
        StridedView(storage.floats, .strides(of: shape, broadcastTo: target)).copy(
            target, to: StridedView(output.storage.floats, .strides(of: target)))
        guard let tape = Tape.of(self) else { return output }
        let slot = tape.slot(of: self)
        return tape.record("broadcast", output) { gradient, tape in tape.accumulate(gradient, into: slot) }
    }
}
