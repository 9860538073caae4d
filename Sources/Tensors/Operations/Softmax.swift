internal import CKernels

extension Tensor {
    /// exp(x) / Σ exp(x) along the last axis.
    ///
    /// With `causal` or a mask the last two axes are queries and keys: scores of attention. A query may attend to the
    /// keys that both allow, and the others get 0; so do all keys of a query that may attend to none.
    ///
    /// - Parameters:
    ///   - causal: whether query i may attend to the keys 0...i only (counted so that the last query sees all keys).
    ///   - mask: `[batch, keys]`, floats: 0 for keys that no query of the sample may attend to, such as padding,
    ///     anything else for the others. The first axis of this tensor is the batch. Nil if all may be attended to.
    public func softmax(causal: Bool = false, mask: Tensor? = nil) -> Tensor {
        requireFloats("softmax")
        let (rows, columns) = lastAxis("softmax")
        guard !causal || rank >= 2 else {
            fail("softmax", "causal needs an axis of queries and one of keys, but the shape is \(shape)")
        }
        guard !causal || shape[rank - 2] <= columns else {
            fail("softmax", "causal needs at least as many keys as queries, but the shape is \(shape)")
        }
        if let mask { requireMask(mask) }
        let scores = mask.map { masked(by: $0, with: -.infinity) } ?? detached
        var output = Tensor(uninitialized: shape)
        ballast_softmax(
            rows, columns, causal ? shape[rank - 2] : 0, scores.storage.floats, output.storage.floats)
        // Rows in which no key is allowed are NaN so far.
        if let mask { output = output.masked(by: mask, with: 0) }
        guard let tape = Tape.of(self) else { return output }
        let slot = tape.slot(of: self)
        // Where the output is 0, the gradient is 0 too.
        return tape.record("softmax", output) { [output] gradient, tape in
            tape.accumulate(into: slot) { pointer, accumulate in
                ballast_softmax_gradient(
                    rows, columns, output.storage.floats, gradient.storage.floats, accumulate, pointer)
            }
        }
    }

    private func requireMask(_ mask: Tensor) {
        mask.requireFloats("softmax")
        guard rank >= 3, mask.shape == Shape(shape[0], shape[rank - 1]) else {
            fail(
                "softmax",
                "a mask of the shape \(mask.shape) does not fit scores of the shape \(shape): [batch, keys] and "
                    + "[batch, ..., queries, keys] are needed")
        }
    }

    /// These scores where the mask is not 0, a number elsewhere; not recorded.
    private func masked(by mask: Tensor, with number: Float) -> Tensor {
        let output = Tensor(uninitialized: shape)
        let columns = shape[rank - 1]
        let rowsOfSample = shape.elementCount(in: 1..<rank - 1)
        let numbers = Tensor.full(Shape(columns), number)
        // Each call writes its own rows.
        nonisolated(unsafe) let (input, result) = (storage.floats, output.storage.floats)
        nonisolated(unsafe) let (condition, other) = (mask.storage.floats, numbers.storage.floats)
        withExtendedLifetime(numbers) {
            parallelFor(count: shape[0] * rowsOfSample, grain: max(1, 8192 / max(columns, 1))) { rows in
                for row in rows {
                    ballast_select(
                        columns, condition + row / rowsOfSample * columns, input + row * columns, other,
                        result + row * columns)
                }
            }
        }
        return output
    }

    /// The logarithm of ``softmax(causal:mask:)``, computed without overflow.
    public func logSoftmax() -> Tensor {
        requireFloats("logSoftmax")
        let (rows, columns) = lastAxis("logSoftmax")
        let output = Tensor(uninitialized: shape)
        ballast_log_softmax(rows, columns, storage.floats, output.storage.floats)
        guard let tape = Tape.of(self) else { return output }
        let slot = tape.slot(of: self)
        return tape.record("logSoftmax", output) { gradient, tape in
            tape.accumulate(into: slot) { pointer, accumulate in
                ballast_log_softmax_gradient(
                    rows, columns, output.storage.floats, gradient.storage.floats, accumulate, pointer)
            }
        }
    }
}

// MARK: Cross-entropy

/// The mean over all rows of -log softmax(logits)[label], or of -Σ target log softmax(logits); a scalar.
///
/// - Parameters:
///   - logits: `[..., classes]`, before any softmax.
///   - target: labels (integers) of the shape `[...]`, each in `0..<classes`, or probabilities of the shape of the logits.
/// - Returns: nats per row; NaN if there are no rows.
public func crossEntropy(_ logits: Tensor, _ target: Tensor) -> Tensor {
    let forward = CrossEntropy("crossEntropy", logits, target)
    let axes = ReducedAxes(allOf: forward.losses.shape)
    let output = axes.reduced(
        ballast_sum, forward.losses, scale: axes.reciprocalCount, keepingDimensions: false)
    return forward.recorded("crossEntropy", output, logits, target, scale: axes.reciprocalCount)
}

/// -log softmax(logits)[label], or -Σ target log softmax(logits), of each row.
///
/// - Parameters:
///   - logits: `[..., classes]`, before any softmax.
///   - target: labels (integers) of the shape `[...]`, each in `0..<classes`, or probabilities of the shape of the logits.
/// - Returns: nats, of the shape `[...]`.
public func crossEntropyPerRow(_ logits: Tensor, _ target: Tensor) -> Tensor {
    let forward = CrossEntropy("crossEntropyPerRow", logits, target)
    return forward.recorded("crossEntropyPerRow", forward.losses, logits, target, scale: 1)
}

/// The forward pass of a cross-entropy, with all that the backward pass needs.
private struct CrossEntropy {
    let losses: Tensor
    private let probabilities: Tensor
    private let rows: Int
    private let columns: Int

    init(_ name: StaticString, _ logits: Tensor, _ target: Tensor) {
        logits.requireFloats(name)
        (rows, columns) = logits.lastAxis(name)
        let rowShape = logits.shape.droppingLast()
        let hasLabels = target.scalarType == .int32
        guard target.shape == (hasLabels ? rowShape : logits.shape) else {
            fail(
                name,
                "\(hasLabels ? "labels" : "probabilities") of shape \(target.shape) do not fit logits of shape "
                    + "\(logits.shape): \(hasLabels ? rowShape : logits.shape) is needed")
        }
        losses = Tensor(uninitialized: rowShape)
        probabilities = Tensor(uninitialized: logits.shape)
        let output = probabilities.storage.floats
        if hasLabels {
            target.requireIntegers(name, below: columns, called: "label")
            ballast_cross_entropy(
                rows, columns, logits.storage.floats, target.storage.integers, losses.storage.floats, output)
        } else {
            ballast_soft_cross_entropy(
                rows, columns, logits.storage.floats, target.storage.floats, losses.storage.floats, output)
        }
    }

    /// Records the mean (a scalar output) or the rows' losses (any other).
    func recorded(
        _ name: StaticString, _ output: Tensor, _ logits: Tensor, _ target: Tensor, scale: Float
    ) -> Tensor {
        guard let tape = Tape.of(logits, target) else { return output }
        let logitsSlot = tape.slot(of: logits)
        let targetSlot = tape.slot(of: target)
        let (logits, target) = (logits.detached, target.detached)
        return tape.record(name, output) { gradient, tape in
            tape.accumulate(into: logitsSlot) { pointer, accumulate in
                addGradient(of: target, gradient, scale: scale, accumulate, pointer)
            }
            guard targetSlot.isWanted else { return }
            let rowGradient = gradient.rank == 0 ? gradient : gradient.expandingDimension(at: -1)
            tape.accumulate(logits.logSoftmax() * rowGradient, scale: -scale, into: targetSlot)
        }
    }

    private func addGradient(
        of target: Tensor, _ gradient: Tensor, scale: Float, _ accumulate: Bool, _ pointer: UnsafeMutablePointer<Float>
    ) {
        let isOne = gradient.rank == 0
        if target.scalarType == .int32 {
            ballast_cross_entropy_gradient(
                rows, columns, probabilities.storage.floats, target.storage.integers, gradient.storage.floats,
                isOne, scale, accumulate, pointer)
        } else {
            ballast_soft_cross_entropy_gradient(
                rows, columns, probabilities.storage.floats, target.storage.floats, gradient.storage.floats,
                isOne, scale, accumulate, pointer)
        }
    }
}
