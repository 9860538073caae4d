public import Tensors

/// The gradients of a step, or the updates made of them: one tensor for each parameter, in the order of the variables.
///
/// What they are is kept apart as `values * scale + own * parameter`. Decay, L2 and clipping change only the
/// factors, which the pass that updates the whole model folds in; ``subscript(_:)`` works them out.
public struct Gradients {
    let execution: Execution
    /// The dense parts, worked out when somebody looks.
    let source: GradientSource
    /// Dense parts that a transform has replaced; empty while there are none.
    var replaced: [Tensor?] = []
    var factors: ContiguousArray<Factors>

    struct Factors {
        var scale: Float = 1
        var own: Float = 0
    }

    init(execution: Execution, source: GradientSource, own: ContiguousArray<Float>? = nil) {
        self.execution = execution
        self.source = source
        factors = ContiguousArray(repeating: Factors(), count: execution.store.parameters.count)
        if let own { for index in own.indices { factors[index].own = own[index] } }
    }

    /// The number of parameters.
    public var count: Int { factors.count }

    /// The path of a parameter.
    public func path(_ index: Int) -> String { execution.store.parameters[index].path }

    /// What a parameter is for.
    public func role(_ index: Int) -> ParameterRole { execution.store.parameters[index].role }

    /// The value of a parameter before the update.
    public func parameter(_ index: Int) -> Tensor { execution.store.parameters[index].value }

    /// The indices of the parameters that a selector matches.
    public func indices(_ selector: ParameterSelector) -> [Int] { execution.store.indices(selector) }

    /// The gradient (or update) of a parameter.
    public subscript(index: Int) -> Tensor {
        get {
            let dense = denseValue(index)
            let factors = factors[index]
            if factors.scale == 1, factors.own == 0 { return dense }
            let scaled = factors.scale == 1 ? dense : dense * factors.scale
            return factors.own == 0 ? scaled : scaled + parameter(index) * factors.own
        }
        set {
            let shape = execution.store.parameters[index].value.shape
            guard newValue.shape == shape else {
                fail("gradientTransform", "\"\(path(index))\" has shape \(shape), its new gradient \(newValue.shape)")
            }
            if replaced.isEmpty { replaced = Array(repeating: nil, count: count) }
            replaced[index] = newValue.detached
            factors[index] = Factors()
        }
    }

    private func denseValue(_ index: Int) -> Tensor {
        if !replaced.isEmpty, let value = replaced[index] { return value }
        return source.value(index, execution)
    }

    /// Multiplies the gradients of the selected parameters by a factor.
    public mutating func scale(by factor: Float, where selector: ParameterSelector = .all) {
        for index in indices(selector) {
            factors[index].scale *= factor
            factors[index].own *= factor
        }
    }

    /// Adds a multiple of each selected parameter to its gradient (or update).
    public mutating func addParameters(times factor: Float, where selector: ParameterSelector = .weights) {
        for index in indices(selector) { factors[index].own += factor }
    }

    /// Replaces the gradients of the selected parameters.
    public mutating func transform(
        where selector: ParameterSelector = .all, _ body: (_ gradient: Tensor, _ parameter: Tensor) -> Tensor
    ) {
        for index in indices(selector) { self[index] = body(self[index], parameter(index)) }
    }

    /// The Euclidean norm of the selected gradients taken as one vector.
    public func norm(where selector: ParameterSelector = .all) -> Float {
        let sum = indices(selector).reduce(0.0) { $0 + Double(self[$1].sumOfSquares().item) }
        return Float(sum.squareRoot())
    }

    /// Whether the dense parts were looked at or replaced, so that the whole-model update cannot fold everything in.
    var isPlain: Bool { replaced.isEmpty && !source.isWorkedOut && factors.allSatisfy { $0.scale == 1 } }
}

/// Where the dense parts of gradients or updates come from.
final class GradientSource {
    private var values: [Tensor?]
    /// Works out the updates; nil for gradients, which are there from the beginning.
    private var makeUpdates: (() -> [Tensor])?
    private(set) var isWorkedOut: Bool

    init(gradients: [Tensor?]) {
        values = gradients
        isWorkedOut = true
    }

    init(updates makeUpdates: @escaping () -> [Tensor]) {
        values = []
        self.makeUpdates = makeUpdates
        isWorkedOut = false
    }

    /// Works out the updates, if that was not done.
    func workOut() {
        guard let makeUpdates else { return }
        values = makeUpdates()
        self.makeUpdates = nil
        isWorkedOut = true
    }

    func value(_ index: Int, _ execution: Execution) -> Tensor {
        workOut()
        if let value = values[index] { return value }
        let zeros = Tensor.zeros(execution.store.parameters[index].value.shape)
        values[index] = zeros
        return zeros
    }
}

extension Gradients {
    /// What the whole-model update needs of a parameter: `dense * scale + own * parameter`.
    func parts(_ index: Int) -> (dense: Tensor?, scale: Float, own: Float) {
        (denseValue(index), factors[index].scale, factors[index].own)
    }
}
