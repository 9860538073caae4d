public import Tensors

/// The parameters of a run as a penalty sees them: a selection, differentiable in every element.
public struct Parameters {
    let execution: Execution
    let indices: [Int]

    init(execution: Execution, indices: [Int]) {
        self.execution = execution
        self.indices = indices
    }

    /// The weights: no biases, no parameters of normalizations.
    public var weights: Parameters { matching(.weights) }

    /// The parameters that a selector matches.
    public func matching(_ selector: ParameterSelector) -> Parameters {
        let matches = execution.store.indices(selector)
        guard indices.count < execution.store.parameters.count else {
            return Parameters(execution: execution, indices: matches)
        }
        let mine = Set(indices)
        return Parameters(execution: execution, indices: matches.filter(mine.contains))
    }

    /// λ Σ x² over all elements, as one operation.
    public func sumOfSquares(scale: Float = 1) -> Tensor { total(.squares, scale) }

    /// λ Σ |x| over all elements, as one operation; the gradient at 0 is 0.
    public func sumOfMagnitudes(scale: Float = 1) -> Tensor { total(.magnitudes, scale) }

    private func total(_ sum: ElementSum, _ scale: Float) -> Tensor {
        let output = Tensor(0)
        for index in indices { execution.store.parameters[index].value.add(sum, scale: scale, to: output) }
        return execution.tape?.record(sum, scale: scale, ofLeaves: indices, output) ?? output
    }

    @inline(__always)
    private func value(_ index: Int) -> Tensor {
        let tensor = execution.store.parameters[index].value
        return execution.tape.map { $0.leaf(index, tensor) } ?? tensor
    }
}

extension Parameters: RandomAccessCollection {
    /// One parameter.
    public struct Element {
        /// Its path, such as `linear1.weight`.
        public let path: String
        /// What it is for.
        public let role: ParameterRole
        /// Its value, through which gradients flow.
        public let value: Tensor
    }

    /// The position of the first parameter.
    public var startIndex: Int { 0 }
    /// The number of parameters.
    public var endIndex: Int { indices.count }

    /// One parameter of the selection.
    public subscript(position: Int) -> Element {
        let parameter = execution.store.parameters[indices[position]]
        return Element(path: parameter.path, role: parameter.role, value: value(indices[position]))
    }
}
