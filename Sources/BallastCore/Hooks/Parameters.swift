public import Tensors

/// The parameters that a penalty selected, differentiable in every element.
public struct Parameters {
    let layout: VariableLayout
    let pass: Pass
    let indices: [Int]

    init(_ layout: VariableLayout, _ pass: Pass, _ indices: [Int]) {
        self.layout = layout
        self.pass = pass
        self.indices = indices
    }

    /// The weights among them: no biases, no parameters of normalizations.
    public var weights: Parameters { matching(.weights) }

    /// Those among them that a selector matches.
    public func matching(_ selector: ParameterSelector) -> Parameters {
        let matches = Set(layout.indices(selector))
        return Parameters(layout, pass, indices.filter(matches.contains))
    }

    /// λ Σ x² over all elements, as one operation.
    ///
    /// - Parameter scale: λ.
    public func sumOfSquares(scale: Float = 1) -> Tensor { total(.squares, scale) }

    /// λ Σ |x| over all elements, as one operation; the gradient at 0 is 0.
    ///
    /// - Parameter scale: λ.
    public func sumOfMagnitudes(scale: Float = 1) -> Tensor { total(.magnitudes, scale) }

    private func total(_ sum: ElementSum, _ scale: Float) -> Tensor {
        let output = Tensor(0)
        for index in indices { pass.parameters.values[index].add(sum, scale: scale, to: output) }
        return pass.tape?.record(sum, scale: scale, ofLeaves: indices, output) ?? output
    }
}

extension Parameters: RandomAccessCollection {
    /// One parameter.
    public struct Element {
        /// Its path, such as `linear1.weight`.
        public let path: String
        /// What it is for.
        public let role: ParameterRole
        /// The axis along which its units are counted (outputs, channels, tokens); nil if it has none.
        public let unitAxis: Int?
        /// Its value, through which gradients flow.
        public let value: Tensor
    }

    /// The position of the first parameter.
    public var startIndex: Int { 0 }
    /// The number of parameters.
    public var endIndex: Int { indices.count }

    /// One parameter of the selection.
    public subscript(position: Int) -> Element {
        let parameter = layout.parameters[indices[position]]
        return Element(
            path: parameter.path, role: parameter.role, unitAxis: parameter.unitAxis,
            value: pass.parameter(indices[position]))
    }
}
