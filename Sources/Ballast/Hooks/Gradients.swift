public import Tensors

/// The gradients of a step, or the updates made of them: one tensor for each parameter, in the order of the variables.
///
/// What they are is kept apart as v = values * scale + own * parameter + sign * sgn(parameter), and, behind a soft
/// threshold t, as what leads to sgn(r) max(|r| − t, 0) with r = parameter + v. Decay, L1, L2, clipping and
/// proximal steps change only these factors, which the pass that updates the whole model folds in;
/// ``subscript(_:)`` works them out.
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
        var sign: Float = 0
        var threshold: Float = 0

        var isFinite: Bool { scale.isFinite && own.isFinite && sign.isFinite && threshold.isFinite }
    }

    init(execution: Execution, source: GradientSource, folded: [Tape.FoldedGradient] = []) {
        self.execution = execution
        self.source = source
        factors = ContiguousArray(repeating: Factors(), count: execution.store.parameters.count)
        for index in folded.indices {
            factors[index].own = folded[index].weightDecay
            factors[index].sign = folded[index].l1
        }
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
            let factors = factors[index]
            var value = denseValue(index)
            if factors.scale != 1 { value *= factors.scale }
            if factors.own != 0 { value += parameter(index) * factors.own }
            if factors.sign != 0 { value += parameter(index).sign() * factors.sign }
            if factors.threshold != 0 {
                let moved = parameter(index) + value
                value = moved.sign() * (moved.magnitude() - factors.threshold).relu() - parameter(index)
            }
            return value
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
    ///
    /// - Parameters:
    ///   - factor: the factor, which the update folds in.
    ///   - selector: the parameters.
    public mutating func scale(by factor: Float, where selector: ParameterSelector = .all) {
        for index in indices(selector) {
            settleThreshold(index)
            factors[index].scale *= factor
            factors[index].own *= factor
            factors[index].sign *= factor
        }
    }

    /// Adds a multiple of each selected parameter to its gradient (or update).
    ///
    /// - Parameters:
    ///   - factor: the multiple, which the update folds in; that of a decay is λ for gradients, −η λ for updates.
    ///   - selector: the parameters.
    public mutating func addParameters(times factor: Float, where selector: ParameterSelector = .weights) {
        for index in indices(selector) {
            settleThreshold(index)
            factors[index].own += factor
        }
    }

    /// Makes updates lead to parameters behind a soft threshold: with r = parameter + update, the parameter becomes
    /// sgn(r) max(|r| − threshold, 0), exactly 0 where |r| is at most the threshold.
    ///
    /// - Precondition: the threshold is not negative.
    public mutating func applySoftThreshold(_ threshold: Float, where selector: ParameterSelector = .weights) {
        require(threshold >= 0, "applySoftThreshold: the threshold must not be negative but is \(threshold)")
        for index in indices(selector) { factors[index].threshold += threshold }
    }

    mutating func settleThresholds() {
        for index in factors.indices { settleThreshold(index) }
    }

    /// A threshold is the last that is folded in: what comes after it needs it worked out.
    private mutating func settleThreshold(_ index: Int) {
        if factors[index].threshold != 0 { self[index] = self[index] }
    }

    /// Replaces the gradients of the selected parameters.
    ///
    /// - Parameters:
    ///   - selector: the parameters.
    ///   - body: given the gradient (or update) and the value of a parameter, returns a gradient of the same shape.
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

    /// The first parameter with a factor that is no finite number, such as a bound divided by a norm of 0.
    var indexOfBadFactor: Int? { factors.firstIndex { !$0.isFinite } }

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
    /// What the whole-model update needs of a parameter.
    func parts(_ index: Int) -> (dense: Tensor, factors: Factors) { (denseValue(index), factors[index]) }
}
