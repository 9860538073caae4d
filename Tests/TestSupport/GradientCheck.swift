package import Tensors

/// Compares the gradients of a function with central differences.
///
/// The function's output is made a scalar by a product with a random tensor, summed in double precision.
///
/// - Parameters:
///   - function: what is differentiated; its output may have any shape.
///   - arguments: where; tensors of integers are passed on as constants.
///   - step: how far each element is moved to either side.
///   - tolerance: the greatest difference that is allowed, relative to the greatest magnitude in that gradient (or 1,
///     if that is greater).
/// - Returns: a sentence for each element that differs; empty if all agree.
package func checkGradients(
    of function: ([Tensor]) -> Tensor, at arguments: [Tensor], step: Float = 1e-2, tolerance: Float = 2e-3
) -> [String] {
    let shape = function(arguments).shape
    let cotangent = Tensor.normal(shape, from: RandomStream(seed: 7, purpose: "cotangent"))
    let varied = arguments.indices.filter { arguments[$0].scalarType == .float32 }

    func completed(_ floats: [Tensor]) -> [Tensor] {
        var all = arguments
        for (position, tensor) in zip(varied, floats) { all[position] = tensor }
        return all
    }
    func scalar(_ arguments: [Tensor]) -> Double {
        zip(function(arguments).scalars, cotangent.scalars).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    let gradients = valueWithGradients(at: varied.map { arguments[$0] }) { floats in
        (function(completed(floats)) * cotangent).sum()
    }.gradients

    var sentences: [String] = []
    for (position, gradient) in zip(varied, gradients) {
        let differences = arguments[position].scalars.indices.map { element -> Float in
            let (above, aboveAt) = moved(arguments, position, element, by: step)
            let (below, belowAt) = moved(arguments, position, element, by: -step)
            return Float((scalar(above) - scalar(below)) / (Double(aboveAt) - Double(belowAt)))
        }
        let scale = max(1, differences.map(\.magnitude).max() ?? 0)
        for (element, (got, expected)) in zip(gradient.scalars, differences).enumerated() {
            guard !((got - expected).magnitude <= tolerance * scale) else { continue }
            sentences.append(
                "argument \(position) of shape \(gradient.shape), element \(element): the gradient is \(got), "
                    + "central differences give \(expected) (tolerance \(tolerance * scale))")
        }
    }
    return sentences
}

/// The arguments with one element moved, and where it went.
private func moved(
    _ arguments: [Tensor], _ position: Int, _ element: Int, by step: Float
) -> (arguments: [Tensor], value: Float) {
    var scalars = arguments[position].scalars
    scalars[element] += step
    var moved = arguments
    moved[position] = Tensor(scalars, shape: arguments[position].shape)
    return (moved, scalars[element])
}
