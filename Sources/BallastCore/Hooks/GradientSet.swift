internal import Tensors

/// What passes through the transforms of a stage: the gradients of all parameters, the updates, or the new values.
///
/// A gradient is kept as a dense part and the coefficients of what is added to it; scaling, decay, L1 and proximal steps
/// change coefficients only. Reading a value materializes it.
struct GradientSet {
    let stage: GradientStage
    let layout: VariableLayout
    let parameters: ParameterValues
    let source: DenseSource
    /// Dense parts that a transform has replaced; empty while there are none.
    private(set) var replaced: [Tensor?] = []
    /// The coefficients at ``GradientStage/gradient``.
    private(set) var gradients: ContiguousArray<FoldedGradient> = []
    /// The coefficients at ``GradientStage/update``.
    private(set) var updates: ContiguousArray<FoldedUpdate> = []

    init(
        _ stage: GradientStage, _ layout: VariableLayout, _ parameters: ParameterValues, _ source: DenseSource,
        folded: ContiguousArray<FoldedGradient> = []
    ) {
        self.stage = stage
        self.layout = layout
        self.parameters = parameters
        self.source = source
        let count = layout.parameters.count
        switch stage {
        case .gradient: gradients = folded.isEmpty ? ContiguousArray(repeating: FoldedGradient(), count: count) : folded
        case .update: updates = ContiguousArray(repeating: FoldedUpdate(), count: count)
        case .applied: break
        }
    }

    /// The dense part of a parameter's gradient, without what the coefficients add.
    func dense(_ index: Int) -> Tensor {
        if !replaced.isEmpty, let value = replaced[index] { return value }
        return stage == .applied ? parameters.values[index] : source.value(index, parameters.values[index].shape)
    }

    /// The value of a parameter's gradient, update, or of the parameter itself.
    func value(_ index: Int) -> Tensor {
        switch stage {
        case .gradient: gradients[index].value(dense(index), parameters.values[index])
        case .update: updates[index].value(dense(index), parameters.values[index])
        case .applied: dense(index)
        }
    }

    mutating func replace(_ index: Int, by value: Tensor) {
        if replaced.isEmpty { replaced = Array(repeating: nil, count: layout.parameters.count) }
        replaced[index] = value.detached
        switch stage {
        case .gradient: gradients[index] = FoldedGradient()
        case .update: updates[index] = FoldedUpdate()
        case .applied: break
        }
    }

    mutating func scale(_ index: Int, by factor: Float) {
        switch stage {
        case .gradient: gradients[index].multiply(by: factor)
        case .update:
            settleThreshold(index)
            updates[index].multiply(by: factor)
        case .applied: replace(index, by: dense(index) * factor)
        }
    }

    mutating func addParameter(_ index: Int, times factor: Float) {
        switch stage {
        case .gradient: gradients[index].weightDecay += factor
        case .update:
            settleThreshold(index)
            updates[index].decoupledDecay += factor
        case .applied: replace(index, by: dense(index) * (1 + factor))
        }
    }

    mutating func applySoftThreshold(_ index: Int, _ threshold: Float) { updates[index].softThreshold += threshold }

    /// A threshold is the last that is folded in: what comes after it needs the value.
    private mutating func settleThreshold(_ index: Int) {
        if updates[index].softThreshold != 0 { replace(index, by: value(index)) }
    }

    /// The first parameter with a coefficient that is not finite, such as a bound divided by a norm of 0.
    var indexOfBadCoefficient: Int? {
        stage == .gradient ? gradients.firstIndex { !$0.isFinite } : updates.firstIndex { !$0.isFinite }
    }

    /// Whether all updates are still deferred, so that one kernel can compute and apply all of them.
    var isDeferred: Bool { replaced.isEmpty && !source.isMaterialized && updates.allSatisfy { $0.scale == 1 } }
}

/// Where the dense parts of gradients or updates come from.
final class DenseSource {
    private var values: [Tensor?]
    /// Computes the updates; nil once it has, and for gradients, which are there from the beginning.
    private var compute: (() -> [Tensor])?
    private(set) var isMaterialized: Bool

    init(gradients: [Tensor?]) {
        values = gradients
        isMaterialized = true
    }

    init(updates compute: @escaping () -> [Tensor]) {
        values = []
        self.compute = compute
        isMaterialized = false
    }

    /// Computes the updates, if that was not done.
    func materialize() {
        guard let compute else { return }
        values = compute()
        self.compute = nil
        isMaterialized = true
    }

    func value(_ index: Int, _ shape: Shape) -> Tensor {
        materialize()
        if let value = values[index] { return value }
        let zeros = Tensor.zeros(shape)
        values[index] = zeros
        return zeros
    }
}
