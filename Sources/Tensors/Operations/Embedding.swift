internal import CKernels

extension Tensor {
    /// The rows of this tensor (along its first axis) at the given positions.
    ///
    /// - Parameter rows: integers of any shape, each in `0..<shape[0]`; a row may occur any number of times.
    /// - Returns: a tensor whose shape is that of `rows` followed by this one's without its first axis.
    public func gathered(rows: Tensor) -> Tensor {
        guard rank > 0 else { fail("gathered", "needs at least one axis, but the tensor is a scalar") }
        return gathered("gathered", "row", rows)
    }

    fileprivate func gathered(_ name: StaticString, _ noun: StaticString, _ rows: Tensor) -> Tensor {
        rows.requireIntegers(name, below: shape[0], called: noun)
        let width = shape.elementCount(in: 1..<rank)
        let outputShape = Shape(rows.shape.dimensions + shape.dropFirst(), for: name)
        let output = Tensor(uninitialized: outputShape, scalarType: scalarType)
        ballast_gather(rows.elementCount, width, storage.floats, rows.storage.integers, output.storage.floats)
        guard let tape = Tape.of(self) else { return output }
        let slot = tape.slot(of: self)
        return tape.record(name, output) { gradient, tape in
            tape.accumulate(into: slot) { pointer, accumulate in
                if !accumulate { ballast_fill(slot.shape.elementCount, 0, pointer) }
                ballast_scatter_add(
                    rows.elementCount, width, gradient.storage.floats, rows.storage.integers, slot.shape[0], pointer)
            }
        }
    }

    /// Requires integers in `0..<limit`, and names the first that is not.
    func requireIntegers(_ operation: StaticString, below limit: Int, called noun: StaticString) {
        requireIntegers(operation)
        for position in 0..<elementCount {
            let value = Int(storage.integers[position])
            guard value >= 0, value < limit else {
                fail(operation, "\(noun) \(value) at position \(position) of \(shape) is not in 0..<\(limit)")
            }
        }
    }
}

/// The vector of each token: rows of a table.
///
/// - Parameters:
///   - tokens: integers of any shape `[...]`, each in `0..<vocabulary`.
///   - weight: the table, `[vocabulary, width]`.
/// - Returns: `[..., width]`.
public func embedding(_ tokens: Tensor, _ weight: Tensor) -> Tensor {
    weight.requireFloats("embedding")
    guard weight.rank == 2 else {
        fail("embedding", "the table must have the shape [vocabulary, width], not \(weight.shape)")
    }
    return weight.gathered("embedding", "token", tokens)
}
