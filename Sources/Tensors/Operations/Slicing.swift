internal import CKernels

/// The part of a tensor between two positions along one axis.
private struct Region {
    /// The shape of the part.
    let shape: Shape
    /// The strides of the whole.
    private let strides: Extents
    private let offset: Int

    init(axis: Int, start: Int, count: Int, of whole: Shape) {
        var shape = whole
        shape[axis] = count
        self.shape = shape
        strides = .strides(of: whole)
        offset = start * strides[axis]
    }

    func copy(fromWhole whole: UnsafeMutablePointer<Float>, to part: UnsafeMutablePointer<Float>, accumulate: Bool) {
        StridedView(whole + offset, strides).copy(
            shape, to: StridedView(part, .strides(of: shape)), accumulate: accumulate)
    }

    func copy(toWhole whole: UnsafeMutablePointer<Float>, from part: UnsafeMutablePointer<Float>, accumulate: Bool) {
        StridedView(part, .strides(of: shape)).copy(
            shape, to: StridedView(whole + offset, strides), accumulate: accumulate)
    }
}

// MARK: Slices

extension Tensor {
    /// A copy of the part between two positions along an axis (which may count from the end).
    public func slice(axis: Int, _ range: Range<Int>) -> Tensor {
        let axis = shape.axis(axis, for: "slice")
        guard range.lowerBound >= 0, range.upperBound <= shape[axis] else {
            fail("slice", "\(range) goes beyond axis \(axis) of the shape \(shape)")
        }
        if range == 0..<shape[axis] { return self }
        let region = Region(axis: axis, start: range.lowerBound, count: range.count, of: shape)
        let output = Tensor(uninitialized: region.shape, scalarType: scalarType)
        region.copy(fromWhole: storage.floats, to: output.storage.floats, accumulate: false)
        guard let tape = Tape.of(self) else { return output }
        let slot = tape.slot(of: self)
        return tape.record("slice", output) { gradient, tape in
            tape.accumulate(into: slot) { pointer, accumulate in
                if !accumulate { ballast_fill(slot.shape.elementCount, 0, pointer) }
                region.copy(toWhole: pointer, from: gradient.storage.floats, accumulate: true)
            }
        }
    }

    /// The part at a position along the first axis, without that axis.
    public subscript(index: Int) -> Tensor {
        guard rank > 0, index >= 0, index < shape[0] else {
            fail("subscript", "there is no element \(index) along the first axis of the shape \(shape)")
        }
        return slice(axis: 0, index..<index + 1).squeezed(0)
    }

    /// Cut along an axis into parts of the given sizes.
    ///
    /// - Precondition: the sizes add up to that of the axis.
    public func split(sizes: [Int], axis: Int = 0) -> [Tensor] {
        let axis = shape.axis(axis, for: "split")
        guard sizes.allSatisfy({ 0...shape[axis] ~= $0 }), sizes.reduce(0, +) == shape[axis] else {
            fail("split", "the sizes \(sizes) do not add up to axis \(axis) of the shape \(shape)")
        }
        var start = 0
        return sizes.map { size in
            defer { start += size }
            return slice(axis: axis, start..<start + size)
        }
    }

    /// Cut along an axis into a number of equal parts.
    ///
    /// - Precondition: the size of the axis is a multiple of the count.
    public func split(count: Int, axis: Int = 0) -> [Tensor] {
        let axis = shape.axis(axis, for: "split")
        guard count > 0, shape[axis].isMultiple(of: count) else {
            fail("split", "axis \(axis) of the shape \(shape) does not divide into \(count) equal parts")
        }
        return split(sizes: Array(repeating: shape[axis] / count, count: count), axis: axis)
    }
}

// MARK: Joining

/// Tensors joined one after another along an axis (which may count from the end).
///
/// - Shape: that of the tensors, except along the axis, where sizes add up.
/// - Precondition: at least one tensor; all of one type, with equal sizes along the other axes.
public func concatenated(_ tensors: [Tensor], axis: Int = 0) -> Tensor {
    guard let first = tensors.first else { fail("concatenated", "needs at least one tensor") }
    let axis = first.shape.axis(axis, for: "concatenated")
    var shape = first.shape
    shape[axis] = 0
    for tensor in tensors {
        var expected = first.shape
        if tensor.rank == first.rank { expected[axis] = tensor.shape[axis] }
        guard tensor.shape == expected, tensor.scalarType == first.scalarType else {
            fail(
                "concatenated",
                "the shapes \(first.shape) (\(first.scalarType)) and \(tensor.shape) (\(tensor.scalarType)) "
                    + "cannot be joined along axis \(axis)")
        }
        shape.set(axis, to: shape[axis] + tensor.shape[axis], for: "concatenated")
    }
    let output = Tensor(uninitialized: shape, scalarType: first.scalarType)
    let tape = Tape.of(tensors)
    var start = 0
    var parts: [(region: Region, slot: GradientSlot)] = []
    for tensor in tensors {
        let region = Region(axis: axis, start: start, count: tensor.shape[axis], of: shape)
        region.copy(toWhole: output.storage.floats, from: tensor.storage.floats, accumulate: false)
        start += tensor.shape[axis]
        if let slot = tape?.slot(of: tensor), slot.isWanted { parts.append((region, slot)) }
    }
    guard let tape else { return output }
    return tape.record("concatenated", output) { [parts] gradient, tape in
        for part in parts {
            tape.accumulate(into: part.slot) { pointer, accumulate in
                part.region.copy(fromWhole: gradient.storage.floats, to: pointer, accumulate: accumulate)
            }
        }
    }
}

/// Tensors joined along a new axis.
///
/// - Shape: the tensors have one shape; the new axis has their number as its size.
public func stacked(_ tensors: [Tensor], axis: Int = 0) -> Tensor {
    concatenated(tensors.map { $0.expandingDimension(at: axis) }, axis: axis)
}
