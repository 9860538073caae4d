internal import CKernels

// Means over all elements, each one recorded operation.

/// Requires two float tensors of one shape.
private func requireAlike(_ name: StaticString, _ output: Tensor, _ target: Tensor) {
    output.requireFloats(name)
    target.requireFloats(name)
    guard output.shape == target.shape else {
        fail(name, "the output \(output.shape) and the target \(target.shape) must have one shape")
    }
}

/// `scale` times the mean of some reduction of a tensor.
private func scaledMean(_ reduction: ballast_reduction, of values: Tensor, scale: Float) -> Tensor {
    let mean = Tensor(uninitialized: Shape())
    let factor = Float(Double(scale) / Double(values.elementCount))
    values.reduceAll(reduction, scale: factor, accumulate: false, into: mean.storage.floats)
    return mean
}

/// The gradient of a loss with respect to output - target, up to a constant factor.
private enum Slope {
    case values(Tensor)
    case signs(of: Tensor)

    var values: Tensor {
        switch self {
        case .values(let values): values
        case .signs(let values): values.sign()
        }
    }
}

/// Records a loss of output - target with its slope.
private func recorded(
    _ name: StaticString, _ loss: Tensor, _ output: Tensor, _ target: Tensor, scale: Float, _ slope: Slope
) -> Tensor {
    guard let tape = Tape.of(output, target) else { return loss }
    let outputSlot = tape.slot(of: output)
    let targetSlot = tape.slot(of: target)
    let factor = Float(Double(scale) / Double(output.elementCount))
    return tape.record(name, loss) { gradient, tape in
        let slope = slope.values
        tape.accumulate(slope, scale: factor * gradient.item, into: outputSlot)
        tape.accumulate(slope, scale: -factor * gradient.item, into: targetSlot)
    }
}

/// `scale` times the mean of the squares of output - target; NaN if there are no elements.
///
/// - Shape: output and target have one shape; the result is a scalar.
public func meanSquaredError(_ output: Tensor, _ target: Tensor, scale: Float = 1) -> Tensor {
    requireAlike("meanSquaredError", output, target)
    let difference = combined("meanSquaredError", ballast_subtract, output, target)
    let loss = scaledMean(ballast_sum_of_squares, of: difference, scale: scale)
    return recorded("meanSquaredError", loss, output, target, scale: 2 * scale, .values(difference))
}

/// The mean of the magnitudes of output - target. The derivative of a magnitude at 0 is 0.
///
/// - Shape: output and target have one shape; the result is a scalar.
public func meanAbsoluteError(_ output: Tensor, _ target: Tensor) -> Tensor {
    requireAlike("meanAbsoluteError", output, target)
    let difference = combined("meanAbsoluteError", ballast_subtract, output, target)
    let loss = scaledMean(ballast_sum_of_magnitudes, of: difference, scale: 1)
    return recorded("meanAbsoluteError", loss, output, target, scale: 1, .signs(of: difference))
}

/// The mean of d²/2 where the magnitude of d = output - target is at most `delta`, of delta (|d| - delta/2)
/// elsewhere (Huber, 1964).
///
/// - Shape: output and target have one shape; the result is a scalar.
/// - Precondition: `delta` is positive.
public func huber(_ output: Tensor, _ target: Tensor, delta: Float = 1) -> Tensor {
    requireAlike("huber", output, target)
    guard delta > 0 else { fail("huber", "delta must be positive but is \(delta)") }
    let difference = combined("huber", ballast_subtract, output, target)
    let limited = difference.clamped(to: -delta...delta)
    // Both cases are limited (d - limited / 2).
    let loss = scaledMean(ballast_sum, of: limited * (difference - limited * 0.5), scale: 1)
    return recorded("huber", loss, output, target, scale: 1, .values(limited))
}

/// The mean of -target log sigmoid(logits) - (1 - target) log(1 - sigmoid(logits)), computed without overflow.
///
/// - Parameters:
///   - logits: before any sigmoid.
///   - target: probabilities.
/// - Shape: logits and target have one shape; the result is a scalar, in nats.
public func binaryCrossEntropy(_ logits: Tensor, _ target: Tensor) -> Tensor {
    requireAlike("binaryCrossEntropy", logits, target)
    let logitValues = logits.detached
    let targetValues = target.detached
    // max(x, 0) - x t + log(1 + exp(-|x|)): for t = 0 or 1 the first two terms cancel exactly.
    let losses = logitValues.relu() - logitValues * targetValues + (-logitValues.magnitude()).softplus()
    let loss = scaledMean(ballast_sum, of: losses, scale: 1)
    guard let tape = Tape.of(logits, target) else { return loss }
    let logitsSlot = tape.slot(of: logits)
    let targetSlot = tape.slot(of: target)
    let factor = ReducedAxes(allOf: logits.shape).reciprocalCount
    return tape.record("binaryCrossEntropy", loss) { gradient, tape in
        let scale = factor * gradient.item
        if logitsSlot.isWanted {
            tape.accumulate(logitValues.sigmoid() - targetValues, scale: scale, into: logitsSlot)
        }
        tape.accumulate(logitValues, scale: -scale, into: targetSlot)
    }
}
