internal import CKernels

/// The greater of two tensors, element by element; equal elements share the gradient.
///
/// - Shape: that to which both broadcast, as in NumPy.
public func maximum(_ a: Tensor, _ b: Tensor) -> Tensor { extremum("maximum", ballast_maximum, a, b) }

/// The smaller of two tensors, element by element; equal elements share the gradient.
///
/// - Shape: that to which both broadcast, as in NumPy.
public func minimum(_ a: Tensor, _ b: Tensor) -> Tensor { extremum("minimum", ballast_minimum, a, b) }

/// The greater of each element and a number; an element equal to the number gets half the gradient.
///
/// - Shape: that of the tensor.
public func maximum(_ a: Tensor, _ b: Float) -> Tensor { maximum(a, Tensor(b)) }

/// The greater of a number and each element; an element equal to the number gets half the gradient.
///
/// - Shape: that of the tensor.
public func maximum(_ a: Float, _ b: Tensor) -> Tensor { maximum(Tensor(a), b) }

/// The smaller of each element and a number; an element equal to the number gets half the gradient.
///
/// - Shape: that of the tensor.
public func minimum(_ a: Tensor, _ b: Float) -> Tensor { minimum(a, Tensor(b)) }

/// The smaller of a number and each element; an element equal to the number gets half the gradient.
///
/// - Shape: that of the tensor.
public func minimum(_ a: Float, _ b: Tensor) -> Tensor { minimum(Tensor(a), b) }

private func extremum(
    _ name: StaticString, _ operation: ballast_binary_operation, _ a: Tensor, _ b: Tensor
) -> Tensor {
    let output = combined(name, operation, a, b)
    guard let tape = Tape.of(a, b) else { return output }
    let left = tape.slot(of: a)
    let right = tape.slot(of: b)
    let (a, b) = (a.detached, b.detached)
    return tape.record(name, output) { gradient, tape in
        // The share of the left tensor: 1 where it is taken, a half where both are equal.
        let (winner, loser) = operation == ballast_maximum ? (a, b) : (b, a)
        let share = 0.5 * (winner.isGreater(than: loser) + winner.isGreaterOrEqual(to: loser))
        if left.isWanted { tape.accumulate(gradient * share, into: left) }
        if right.isWanted { tape.accumulate(gradient * (1 - share), into: right) }
    }
}

// MARK: Comparisons: 1 where true, 0 where not; no gradient flows through them

extension Tensor {
    /// 1 where the elements are greater than those of another tensor, 0 elsewhere; shapes broadcast.
    public func isGreater(than other: Tensor) -> Tensor { combined("isGreater", ballast_greater, self, other) }

    /// 1 where the elements are greater than a number, 0 elsewhere.
    public func isGreater(than other: Float) -> Tensor { isGreater(than: Tensor(other)) }

    /// 1 where the elements are greater than or equal to those of another tensor, 0 elsewhere; shapes broadcast.
    public func isGreaterOrEqual(to other: Tensor) -> Tensor {
        combined("isGreaterOrEqual", ballast_greater_equal, self, other)
    }

    /// 1 where the elements are greater than or equal to a number, 0 elsewhere.
    public func isGreaterOrEqual(to other: Float) -> Tensor { isGreaterOrEqual(to: Tensor(other)) }

    /// 1 where the elements equal those of another tensor, 0 elsewhere; shapes broadcast.
    ///
    /// Two tensors of integers of one shape (labels and ``argmax()``, say) can be compared too.
    public func isEqual(to other: Tensor) -> Tensor {
        guard scalarType == .int32, other.scalarType == .int32 else {
            return combined("isEqual", ballast_equal, self, other)
        }
        guard shape == other.shape else {
            fail("isEqual", "integers are compared in equal shapes, not in \(shape) and \(other.shape)")
        }
        let output = Tensor(uninitialized: shape)
        for index in 0..<elementCount {
            output.storage.floats[index] = storage.integers[index] == other.storage.integers[index] ? 1 : 0
        }
        return output
    }

    /// 1 where the elements equal a number, 0 elsewhere.
    public func isEqual(to other: Float) -> Tensor { isEqual(to: Tensor(other)) }

    /// The elements of `a` where the condition is not 0, those of `b` elsewhere; shapes broadcast as in NumPy.
    ///
    /// Gradients flow to `a` and `b`, not to the condition.
    public static func select(_ condition: Tensor, _ a: Tensor, _ b: Tensor) -> Tensor {
        condition.requireFloats("select")
        let shape = condition.shape.broadcast(with: a.shape, for: "select").broadcast(with: b.shape, for: "select")
        return selectDense(
            condition.detached.broadcast(to: shape), a.broadcast(to: shape), b.broadcast(to: shape))
    }

    private static func selectDense(_ condition: Tensor, _ a: Tensor, _ b: Tensor) -> Tensor {
        a.requireFloats("select")
        b.requireFloats("select")
        let output = Tensor(uninitialized: a.shape)
        ballast_select(
            output.elementCount, condition.storage.floats, a.storage.floats, b.storage.floats, output.storage.floats)
        guard let tape = Tape.of(a, b) else { return output }
        let left = tape.slot(of: a)
        let right = tape.slot(of: b)
        return tape.record("select", output) { gradient, tape in
            let zeros = Tensor.zeros(gradient.shape)
            if left.isWanted { tape.accumulate(selectDense(condition, gradient, zeros), into: left) }
            if right.isWanted { tape.accumulate(selectDense(condition, zeros, gradient), into: right) }
        }
    }
}
