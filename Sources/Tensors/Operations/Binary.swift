internal import CKernels

/// f(a, b) with broadcasting, not recorded.
func combined(_ name: StaticString, _ operation: ballast_binary_operation, _ a: Tensor, _ b: Tensor) -> Tensor {
    a.requireFloats(name)
    b.requireFloats(name)
    if a.shape == b.shape {
        let output = Tensor(uninitialized: a.shape)
        withUnsafePointer(to: a.elementCount) { count in
            withUnsafePointer(to: 1) { stride in
                ballast_binary(
                    operation, 1, count, stride, a.storage.floats, stride, b.storage.floats, output.storage.floats)
            }
        }
        return output
    }
    let shape = a.shape.broadcast(with: b.shape, for: name)
    let output = Tensor(uninitialized: shape)
    Extents.sizes(of: shape).withPointer { sizes in
        Extents.strides(of: a.shape, broadcastTo: shape).withPointer { left in
            Extents.strides(of: b.shape, broadcastTo: shape).withPointer { right in
                ballast_binary(
                    operation, Int32(truncatingIfNeeded: shape.rank), sizes, left, a.storage.floats, right,
                    b.storage.floats, output.storage.floats)
            }
        }
    }
    return output
}

/// Adds `scale * a * b` to the gradient of an input, summed over broadcast axes.
private func accumulateProduct(_ a: Tensor, _ b: Tensor, scale: Float = 1, on tape: Tape, into slot: GradientSlot) {
    guard slot.isWanted else { return }
    if a.shape == slot.shape, b.shape == slot.shape {
        tape.accumulate(into: slot) { pointer, accumulate in
            ballast_multiply_add(a.elementCount, a.storage.floats, b.storage.floats, scale, accumulate, pointer)
        }
    } else {
        tape.accumulate(combined("multiply", ballast_multiply, a, b), scale: scale, into: slot)
    }
}

// MARK: Arithmetic

extension Tensor {
    /// The sum of two tensors, element by element; shapes broadcast as in NumPy.
    public static func + (a: Tensor, b: Tensor) -> Tensor {
        sum("add", ballast_add, a, b, sign: 1)
    }

    /// The difference of two tensors, element by element; shapes broadcast as in NumPy.
    public static func - (a: Tensor, b: Tensor) -> Tensor {
        sum("subtract", ballast_subtract, a, b, sign: -1)
    }

    private static func sum(
        _ name: StaticString, _ operation: ballast_binary_operation, _ a: Tensor, _ b: Tensor, sign: Float
    ) -> Tensor {
        let output = combined(name, operation, a, b)
        guard let tape = Tape.of(a, b) else { return output }
        let left = tape.slot(of: a)
        let right = tape.slot(of: b)
        return tape.record(name, output) { gradient, tape in
            tape.accumulate(gradient, into: left)
            tape.accumulate(gradient, scale: sign, into: right)
        }
    }

    /// The product of two tensors, element by element; shapes broadcast as in NumPy.
    public static func * (a: Tensor, b: Tensor) -> Tensor {
        let output = combined("multiply", ballast_multiply, a, b)
        guard let tape = Tape.of(a, b) else { return output }
        let left = tape.slot(of: a)
        let right = tape.slot(of: b)
        let (a, b) = (a.detached, b.detached)
        return tape.record("multiply", output) { gradient, tape in
            accumulateProduct(gradient, b, on: tape, into: left)
            accumulateProduct(gradient, a, on: tape, into: right)
        }
    }

    /// The quotient of two tensors, element by element; shapes broadcast as in NumPy.
    public static func / (a: Tensor, b: Tensor) -> Tensor {
        let output = combined("divide", ballast_divide, a, b)
        guard let tape = Tape.of(a, b) else { return output }
        let left = tape.slot(of: a)
        let right = tape.slot(of: b)
        let b = b.detached
        return tape.record("divide", output) { gradient, tape in
            let quotient = combined("divide", ballast_divide, gradient, b)
            tape.accumulate(quotient, into: left)
            accumulateProduct(quotient, output, scale: -1, on: tape, into: right)
        }
    }

    /// Adds a number to each element.
    public static func + (a: Tensor, b: Float) -> Tensor { a.affine(1, b, name: "add") }
    /// Adds a number to each element.
    public static func + (a: Float, b: Tensor) -> Tensor { b.affine(1, a, name: "add") }
    /// Subtracts a number from each element.
    public static func - (a: Tensor, b: Float) -> Tensor { a.affine(1, -b, name: "subtract") }
    /// Subtracts each element from a number.
    public static func - (a: Float, b: Tensor) -> Tensor { b.affine(-1, a, name: "subtract") }
    /// Multiplies each element by a number.
    public static func * (a: Tensor, b: Float) -> Tensor { a.affine(b, 0, name: "multiply") }
    /// Multiplies each element by a number.
    public static func * (a: Float, b: Tensor) -> Tensor { b.affine(a, 0, name: "multiply") }
    /// Multiplies each element by the reciprocal of a number.
    public static func / (a: Tensor, b: Float) -> Tensor { a.affine(1 / b, 0, name: "divide") }
    /// Divides a number by each element.
    public static func / (a: Float, b: Tensor) -> Tensor { Tensor(a) / b }

    /// Replaces the left tensor by the sum.
    public static func += (a: inout Tensor, b: Tensor) { a = a + b }
    /// Replaces the left tensor by the difference.
    public static func -= (a: inout Tensor, b: Tensor) { a = a - b }
    /// Replaces the left tensor by the product.
    public static func *= (a: inout Tensor, b: Tensor) { a = a * b }
    /// Replaces the left tensor by the quotient.
    public static func /= (a: inout Tensor, b: Tensor) { a = a / b }
    /// Adds a number to each element.
    public static func += (a: inout Tensor, b: Float) { a = a + b }
    /// Subtracts a number from each element.
    public static func -= (a: inout Tensor, b: Float) { a = a - b }
    /// Multiplies each element by a number.
    public static func *= (a: inout Tensor, b: Float) { a = a * b }
    /// Divides each element by a number.
    public static func /= (a: inout Tensor, b: Float) { a = a / b }
}

// MARK: Powers

extension Tensor {
    /// Each element raised to a power; a power of 0 gives 1 with the derivative 0.
    public func power(_ exponent: Float) -> Tensor {
        if exponent == 2 { return squared() }
        let output = combined("power", ballast_power, self, Tensor(exponent))
        guard exponent != 0, let tape = Tape.of(self) else { return output }
        let slot = tape.slot(of: self)
        let input = detached
        return tape.record("power", output) { gradient, tape in
            let slope = combined("power", ballast_power, input, Tensor(exponent - 1))
            accumulateProduct(gradient, slope, scale: exponent, on: tape, into: slot)
        }
    }

    /// Each element raised to the power of the exponent's; shapes broadcast as in NumPy.
    ///
    /// Where the base is 0 the derivative for the exponent is 0; where the exponent is 0 that for the base is 0.
    public func power(_ exponent: Tensor) -> Tensor {
        let output = combined("power", ballast_power, self, exponent)
        guard let tape = Tape.of(self, exponent) else { return output }
        let left = tape.slot(of: self)
        let right = tape.slot(of: exponent)
        let base = detached
        let exponent = exponent.detached
        return tape.record("power", output) { gradient, tape in
            let zero = Tensor(0)
            if left.isWanted {
                let slope = exponent * combined("power", ballast_power, base, exponent - 1)
                accumulateProduct(
                    gradient, .select(exponent.isEqual(to: 0), zero, slope), on: tape, into: left)
            }
            if right.isWanted {
                let slope = Tensor.select(base.isEqual(to: 0), zero, output * base.log())
                accumulateProduct(gradient, slope, on: tape, into: right)
            }
        }
    }
}

/// A number raised to the power of each element.
///
/// For a base of 0 the derivative is 0. A negative base gives NaN unless the exponent is a whole number, and the
/// derivative is NaN.
///
/// - Shape: that of the exponent.
public func power(_ base: Float, _ exponent: Tensor) -> Tensor { Tensor(base).power(exponent) }
