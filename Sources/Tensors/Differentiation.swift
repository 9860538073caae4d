/// Evaluates a function and its gradients with respect to each of its arguments.
///
/// - Parameters:
///   - arguments: where to evaluate; tensors of floats.
///   - function: returns a scalar, computed from the tensors it is given.
/// - Returns: the value, and for each argument a gradient of its shape (zeros where the value does not depend on it).
/// - Precondition: the function's value has one element.
public func valueWithGradients(
    at arguments: [Tensor], of function: ([Tensor]) -> Tensor
) -> (value: Tensor, gradients: [Tensor]) {
    let tape = Tape.take()
    defer { tape.giveBack() }
    tape.reset(leafCount: arguments.count)
    let value = function(arguments.enumerated().map { tape.leaf($0.offset, $0.element) })
    tape.seed(value)
    tape.backward()
    let gradients = arguments.enumerated().map { index, argument in
        tape.foldedTerms(ofLeaf: index).added(to: tape.takeGradient(ofLeaf: index), leaf: argument)
    }
    return (value.detached, gradients)
}

/// Returns the gradient of a scalar function of one tensor.
///
/// - Shape: that of the argument; the function gives a scalar.
public func gradient(at argument: Tensor, of function: (Tensor) -> Tensor) -> Tensor {
    valueWithGradients(at: [argument]) { function($0[0]) }.gradients[0]
}

extension Tensor {
    /// Makes an operation of one's own differentiable.
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
    ///   - name: what failures call the operation.
    ///   - inputs: the tensors that it was computed from.
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
