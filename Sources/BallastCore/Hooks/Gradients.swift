public import Tensors

/// The gradients of a step, the updates made of them, or the new values of the parameters: one tensor for each parameter
/// that a transform selected, in the order of the variables.
///
/// Each gradient is stored as `scale * dense + weightDecay * w + l1 * sgn(w)`; an update may also end with a soft
/// threshold. Decay, L1, L2, clipping and proximal steps change only the coefficients, which the pass that updates the
/// whole model folds in; ``subscript(_:)`` materializes the tensor.
public struct Gradients {
    var set: GradientSet
    /// The indices of the selected parameters.
    let selection: [Int]
    let pass: Pass
    private let technique: String

    init(_ set: GradientSet, _ selection: [Int], _ pass: Pass, technique: String) {
        self.set = set
        self.selection = selection
        self.pass = pass
        self.technique = technique
    }

    /// The number of selected parameters.
    public var count: Int { selection.count }
    /// The positions of the selected parameters.
    public var indices: Range<Int> { 0..<selection.count }

    /// The path of a parameter.
    public func path(_ index: Int) -> String { description(index).path }

    /// What a parameter is for.
    public func role(_ index: Int) -> ParameterRole { description(index).role }

    /// The axis along which a parameter's units are counted (outputs, channels, tokens); nil if it has none.
    public func unitAxis(_ index: Int) -> Int? { description(index).unitAxis }

    /// The value of a parameter: before the update, or at ``GradientStage/applied`` after it.
    public func parameter(_ index: Int) -> Tensor { set.parameters.values[selection[index]] }

    /// The learning rate of a parameter in this step, that of its group.
    public func learningRate(_ index: Int) -> Float {
        pass.info.learningRate * learningRateScale(index)
    }

    /// What the learning rate of a parameter's group is times that of the optimizer.
    public func learningRateScale(_ index: Int) -> Float { set.layout.learningRateScale(selection[index]) }

    private func description(_ index: Int) -> VariableLayout.Parameter { set.layout.parameters[selection[index]] }

    /// The gradient, update or new value of a parameter.
    ///
    /// A value of another shape ends the step with an error that names the technique.
    public subscript(index: Int) -> Tensor {
        get { set.value(selection[index]) }
        set {
            let shape = description(index).shape
            guard newValue.shape == shape, newValue.scalarType == .float32 else {
                return fail("gave \"\(path(index))\" a value of shape \(newValue.shape), but it has shape \(shape)")
            }
            set.replace(selection[index], by: newValue)
        }
    }

    private func fail(_ problem: String) {
        pass.record.fail(TechniqueError(technique, .gradientTransform, at: ".\(set.stage.rawValue)", problem))
    }

    /// Multiplies all by a factor.
    ///
    /// - Parameter factor: the factor, which the update folds in.
    public mutating func scale(by factor: Float) {
        for index in selection { set.scale(index, by: factor) }
    }

    /// Adds a multiple of each parameter to its gradient (or update, or new value).
    ///
    /// - Parameter factor: the multiple, which the update folds in; that of a decay is λ for gradients, −η λ for updates.
    public mutating func addParameters(times factor: Float) {
        for index in selection { set.addParameter(index, times: factor) }
    }

    /// Adds a multiple of one parameter to its gradient (or update, or new value).
    ///
    /// - Parameters:
    ///   - index: the position of the parameter.
    ///   - factor: the multiple, which the update folds in.
    public mutating func addParameter(_ index: Int, times factor: Float) {
        set.addParameter(selection[index], times: factor)
    }

    /// Makes an update lead to a parameter after a soft threshold: with r = parameter + update, the parameter becomes
    /// sgn(r) max(|r| − threshold, 0), exactly 0 where |r| is at most the threshold.
    ///
    /// Only updates have one: at another stage the step ends with an error that names the technique.
    ///
    /// - Parameters:
    ///   - index: the position of the parameter.
    ///   - threshold: the threshold, in the unit of the parameter; not negative.
    public mutating func applySoftThreshold(_ index: Int, _ threshold: Float) {
        guard set.stage == .update else {
            return fail("applied a soft threshold, which only updates have: let its stage be .update")
        }
        guard threshold >= 0 else {
            return fail("applied a soft threshold of \(threshold), which must not be negative")
        }
        set.applySoftThreshold(selection[index], threshold)
    }

    /// Replaces all by what a function makes of them.
    ///
    /// - Parameter body: given the gradient (update, new value) and the value of a parameter, returns a tensor of the same
    ///   shape.
    public mutating func transform(_ body: (_ gradient: Tensor, _ parameter: Tensor) -> Tensor) {
        for index in indices { self[index] = body(self[index], parameter(index)) }
    }

    /// The Euclidean norm of all taken as one vector.
    public func norm() -> Float {
        let sum = indices.reduce(0.0) { $0 + Double(self[$1].sumOfSquares().item) }
        return Float(sum.squareRoot())
    }
}

extension Tensor {
    /// The Euclidean norm of each unit: the root of the sum of squares over all axes but one, which stays; the others
    /// stay with the size 1. Without an axis, the norm of the whole tensor.
    ///
    /// - Parameter axis: the axis along which units are counted, such as ``Gradients/unitAxis(_:)``.
    public func unitNorms(axis: Int?) -> Tensor {
        squared().sum(axes: (0..<rank).filter { $0 != axis }, keepingDimensions: true).squareRoot()
    }
}
