/// Evaluates a function and its gradients with respect to each of its arguments.
///
/// Gradients of gradients are not available: inside another differentiated computation, arguments and captured tensors
/// must be ``Tensor/detached``. Value and gradients are constants for the outer computation.
///
/// - Parameters:
///   - arguments: where to evaluate; tensors of floats, none of which is tracked.
///   - function: returns a scalar, computed from the tensors it is given.
/// - Returns: the value, and for each argument a gradient of its shape (zeros where the value does not depend on it).
/// - Precondition: the function's value has one element, and depends on no tensor of another differentiated
///   computation.
public func valueWithGradients(
    at arguments: [Tensor], of function: ([Tensor]) -> Tensor
) -> (value: Tensor, gradients: [Tensor]) {
    for (index, argument) in arguments.enumerated() {
        argument.requireFloats("gradient")
        guard !argument.isTracked else {
            fail(
                "gradient",
                "argument \(index) of shape \(argument.shape) belongs to an outer differentiated computation, to which "
                    + "no gradient would flow; pass its `detached` values")
        }
    }
    let tape = Tape.acquire()
    defer { tape.release() }
    tape.reset(leafCount: arguments.count)
    let value = function(arguments.enumerated().map { tape.leaf($0.offset, $0.element) })
    guard !value.isTracked || tape.index(of: value) != nil else {
        fail(
            "gradient",
            "the value depends only on tensors of an outer differentiated computation, to which no gradient would "
                + "flow; use their `detached` values in the function")
    }
    tape.seed(value)
    tape.backward()
    let gradients = arguments.enumerated().map { index, argument in
        tape.foldedGradient(ofLeaf: index).added(to: tape.takeGradient(ofLeaf: index), leaf: argument)
    }
    return (value.detached, gradients)
}

/// Returns the gradient of a scalar function of one tensor.
///
/// - Shape: that of the argument; the function returns a scalar.
public func gradient(at argument: Tensor, of function: (Tensor) -> Tensor) -> Tensor {
    valueWithGradients(at: [argument]) { function($0[0]) }.gradients[0]
}

extension Tensor {
    /// Makes your own operation differentiable.
    ///
    /// ```swift
    /// func cube(_ x: Tensor) -> Tensor {
    ///     let values = x.detached
    ///     return .custom("cube", inputs: [x], output: values * values * values) { gradient in
    ///         [gradient * 3 * values * values]
    ///     }
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - name: the name of the operation in failure messages.
    ///   - inputs: the tensors that the output was computed from.
    ///   - output: its result, computed from the detached inputs.
    ///   - gradient: given the gradient of the output (of its shape), returns one for each input, of the input's
    ///     shape, or nil for zero. It must use detached values.
    /// - Returns: the output, through which gradients flow to the inputs.
    public static func custom(
        _ name: StaticString, inputs: [Tensor], output: Tensor, gradient: @escaping (Tensor) -> [Tensor?]
    ) -> Tensor {
        guard let tape = Tape.of(inputs) else { return output.detached }
        let indices = inputs.map { tape.index(of: $0) }
        let shapes = inputs.map(\.shape)
        return tape.record(name, output.detached) { outputGradient, tape in
            let gradients = gradient(outputGradient)
            guard gradients.count == indices.count else {
                fail(name, "returns \(gradients.count) gradients for \(indices.count) inputs")
            }
            for (position, gradient) in gradients.enumerated() {
                guard let gradient else { continue }
                guard gradient.shape == shapes[position] else {
                    fail(
                        name,
                        "the gradient of input \(position) has shape \(gradient.shape), the input \(shapes[position])")
                }
                tape.accumulate(gradient.detached, into: indices[position])
            }
        }
    }
}
