internal import CKernels

// MARK: Sums and means

extension Tensor {
    /// The sum of all elements, a scalar.
    public func sum() -> Tensor { weightedSum("sum", ReducedAxes(allOf: shape), false, scale: 1) }

    /// The sums over some axes.
    ///
    /// - Parameters:
    ///   - axes: the axes to sum over; negative ones count from the end.
    ///   - keepingDimensions: whether those axes remain, with the size 1.
    public func sum(axes: [Int], keepingDimensions: Bool = false) -> Tensor {
        weightedSum("sum", ReducedAxes(axes, of: shape, for: "sum"), keepingDimensions, scale: 1)
    }

    /// The mean of all elements, a scalar; NaN if there are none.
    public func mean() -> Tensor {
        let axes = ReducedAxes(allOf: shape)
        return weightedSum("mean", axes, false, scale: axes.reciprocalCount)
    }

    /// The means over some axes.
    ///
    /// - Parameters:
    ///   - axes: the axes to average over; negative ones count from the end.
    ///   - keepingDimensions: whether those axes remain, with the size 1.
    public func mean(axes: [Int], keepingDimensions: Bool = false) -> Tensor {
        let axes = ReducedAxes(axes, of: shape, for: "mean")
        return weightedSum("mean", axes, keepingDimensions, scale: axes.reciprocalCount)
    }

    private func weightedSum(
        _ name: StaticString, _ axes: ReducedAxes, _ keepingDimensions: Bool, scale: Float
    ) -> Tensor {
        requireFloats(name)
        let output = axes.reduced(ballast_sum, self, scale: scale, keepingDimensions: keepingDimensions)
        guard let tape = Tape.of(self) else { return output }
        let slot = tape.slot(of: self)
        return tape.record(name, output) { gradient, tape in
            let scaled = scale == 1 ? gradient : gradient * scale
            tape.accumulate(broadcasting: scaled.reshaped(to: axes.kept), into: slot)
        }
    }

    /// This tensor summed over the axes along which a tensor of the given shape would be repeated to get to its own.
    ///
    /// The reverse of broadcasting, as the gradient of a broadcast operand needs it.
    package func summed(toShape target: Shape) -> Tensor {
        guard shape != target else { return self }
        let axes = ReducedAxes(of: shape, broadcastFrom: target)
        return weightedSum("summed", axes, true, scale: 1).reshaped(to: target)
    }

    /// The variance of all elements, a scalar.
    ///
    /// - Parameter unbiased: whether to divide by the count minus one instead of the count.
    public func variance(unbiased: Bool = false) -> Tensor {
        variance(ReducedAxes(allOf: shape), false, unbiased)
    }

    /// The variances over some axes.
    ///
    /// - Parameters:
    ///   - axes: the axes to reduce; negative ones count from the end.
    ///   - keepingDimensions: whether those axes remain, with the size 1.
    ///   - unbiased: whether to divide by the count minus one instead of the count.
    public func variance(axes: [Int], keepingDimensions: Bool = false, unbiased: Bool = false) -> Tensor {
        variance(ReducedAxes(axes, of: shape, for: "variance"), keepingDimensions, unbiased)
    }

    private func variance(_ axes: ReducedAxes, _ keepingDimensions: Bool, _ unbiased: Bool) -> Tensor {
        requireFloats("variance")
        let scale = Float(1 / Double(axes.count - (unbiased ? 1 : 0)))
        // One element of each group is subtracted first, so that neither the mean nor its rounding error is large
        // compared with the spread.
        let shifted = combined("variance", ballast_subtract, self, axes.first(of: detached))
        let mean = axes.reduced(ballast_sum, shifted, scale: axes.reciprocalCount, keepingDimensions: true)
        let centered = combined("variance", ballast_subtract, shifted, mean)
        let output = axes.reduced(
            ballast_sum_of_squares, centered, scale: scale, keepingDimensions: keepingDimensions)
        guard let tape = Tape.of(self) else { return output }
        let slot = tape.slot(of: self)
        return tape.record("variance", output) { gradient, tape in
            // The mean depends on the elements too, but its derivative is multiplied by Σ centered = 0.
            tape.accumulate(centered * (gradient.reshaped(to: axes.kept) * (2 * scale)), into: slot)
        }
    }
}

// MARK: Largest and smallest

extension Tensor {
    /// The largest element, a scalar; equal ones share its gradient.
    public func maximum() -> Tensor { extremum("maximum", ballast_largest, ReducedAxes(allOf: shape), false) }

    /// The largest elements along some axes; equal ones share the gradient (PyTorch's `amax`).
    ///
    /// - Parameters:
    ///   - axes: the axes to reduce; negative ones count from the end.
    ///   - keepingDimensions: whether those axes remain, with the size 1.
    public func maximum(axes: [Int], keepingDimensions: Bool = false) -> Tensor {
        extremum("maximum", ballast_largest, ReducedAxes(axes, of: shape, for: "maximum"), keepingDimensions)
    }

    /// The smallest element, a scalar; equal ones share its gradient.
    public func minimum() -> Tensor { extremum("minimum", ballast_smallest, ReducedAxes(allOf: shape), false) }

    /// The smallest elements along some axes; equal ones share the gradient (PyTorch's `amin`).
    ///
    /// - Parameters:
    ///   - axes: the axes to reduce; negative ones count from the end.
    ///   - keepingDimensions: whether those axes remain, with the size 1.
    public func minimum(axes: [Int], keepingDimensions: Bool = false) -> Tensor {
        extremum("minimum", ballast_smallest, ReducedAxes(axes, of: shape, for: "minimum"), keepingDimensions)
    }

    private func extremum(
        _ name: StaticString, _ reduction: ballast_reduction, _ axes: ReducedAxes, _ keepingDimensions: Bool
    ) -> Tensor {
        requireFloats(name)
        let output = axes.reduced(reduction, self, keepingDimensions: keepingDimensions)
        guard let tape = Tape.of(self) else { return output }
        let slot = tape.slot(of: self)
        let input = detached
        return tape.record(name, output) { gradient, tape in
            let reached = input.isEqual(to: output.reshaped(to: axes.kept))
            let ties = axes.reduced(ballast_sum, reached, keepingDimensions: true)
            tape.accumulate(reached * (gradient.reshaped(to: axes.kept) / ties), into: slot)
        }
    }

    /// The position of the largest element along the last axis, the first one on ties.
    ///
    /// - Returns: integers, of this shape without its last axis.
    public func argmax() -> Tensor {
        requireFloats("argmax")
        let (rows, columns) = lastAxis("argmax")
        guard columns > 0 else { fail("argmax", "the last axis of the shape \(shape) is empty") }
        let output = Tensor(uninitialized: shape.droppingLast(), scalarType: .int32)
        ballast_argmax(rows, columns, storage.floats, output.storage.integers)
        return output
    }

    /// The tensor seen as rows along the last axis.
    func lastAxis(_ operation: StaticString) -> (rows: Int, columns: Int) {
        guard rank > 0 else { fail(operation, "needs at least one axis, but the tensor is a scalar") }
        return (shape.elementCount(in: 0..<rank - 1), shape[rank - 1])
    }
}

// MARK: Norms

extension Tensor {
    /// The sum of the squares of all elements, a scalar.
    public func sumOfSquares() -> Tensor { total(.squares) }

    /// The sum of the magnitudes of all elements, a scalar; the derivative of a magnitude at 0 is 0.
    public func sumOfMagnitudes() -> Tensor { total(.magnitudes) }

    /// The square root of the sum of squares, a scalar; its gradient where all elements are 0 is 0.
    public func norm() -> Tensor {
        requireFloats("norm")
        let squares = ReducedAxes(allOf: shape).reduced(ballast_sum_of_squares, self, keepingDimensions: false)
        let output = squares.squareRoot()
        guard let tape = Tape.of(self) else { return output }
        let slot = tape.slot(of: self)
        let input = detached
        return tape.record("norm", output) { gradient, tape in
            let scale = output.item == 0 ? 0 : gradient.item / output.item
            tape.accumulate(input, scale: scale, into: slot)
        }
    }
}

/// A sum over all elements of leaves.
package enum ElementSum {
    /// Σ x², with the gradient 2 x.
    case squares
    /// Σ |x|, with the gradient sgn(x), 0 at 0.
    case magnitudes

    fileprivate var reduction: ballast_reduction {
        self == .squares ? ballast_sum_of_squares : ballast_sum_of_magnitudes
    }

    fileprivate func gradient(_ factor: Float) -> Tape.FoldedGradient {
        self == .squares ? Tape.FoldedGradient(weightDecay: 2 * factor) : Tape.FoldedGradient(l1: factor)
    }
}

extension Tensor {
    private func total(_ sum: ElementSum) -> Tensor {
        let output = Tensor(0)
        add(sum, scale: 1, to: output)
        guard let tape = Tape.of(self) else { return output }
        let slot = tape.slot(of: self)
        if let index = slot.index, tape.isLeaf(index) {
            return tape.record(sum, scale: 1, ofLeaves: [Int(index)], output)
        }
        let input = detached
        return tape.record("sum", output) { gradient, tape in
            switch sum {
            case .squares: tape.accumulate(input, scale: 2 * gradient.item, into: slot)
            case .magnitudes: tape.accumulate(input.sign(), scale: gradient.item, into: slot)
            }
        }
    }

    /// Adds `scale` times a sum over all elements to a scalar, in its memory.
    package func add(_ sum: ElementSum, scale: Float, to total: Tensor) {
        requireFloats("sum")
        reduceAll(sum.reduction, scale: scale, accumulate: true, into: total.storage.floats)
    }
}

extension Tape {
    /// Records a scalar that is `scale` times a sum over all elements of leaves.
    ///
    /// The gradients are deferred, as coefficients of the leaves, so that the backward pass touches none of their memory.
    package func record(_ sum: ElementSum, scale: Float, ofLeaves leaves: [Int], _ output: Tensor) -> Tensor {
        record("sum", output) { gradient, tape in
            let terms = sum.gradient(scale * gradient.item)
            for leaf in leaves { tape.fold(terms, intoLeaf: leaf) }
        }
    }
}
