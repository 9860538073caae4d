internal import Tensors

/// Which variables a run has: their paths and what they are for. The first pass declares them; values are kept apart.
final class VariableLayout {
    /// A trainable parameter.
    struct Parameter {
        let path: String
        let role: ParameterRole
        let unitAxis: Int?
        let shape: Shape
        /// Whether predictions may depend on it; false for what a technique trains for itself, such as a penalty's own.
        let isUsedInEvaluation: Bool
    }

    /// A variable that is not trained.
    struct State {
        let path: String
        /// Whether predictions may depend on it; false for what a technique keeps for itself, such as averages.
        var isUsedInEvaluation: Bool
    }

    private(set) var parameters: ContiguousArray<Parameter> = []
    private(set) var states: ContiguousArray<State> = []
    private(set) var numbers: ContiguousArray<String> = []
    /// Whether each parameter keeps its value; empty if all are trained. Those that are declared later are trained.
    private(set) var frozen: ContiguousArray<Bool> = []
    private var selections: [ParameterSelector: [Int]] = [:]

    func declare(_ parameter: Parameter) -> Int {
        parameters.append(parameter)
        selections = [:]
        return parameters.count - 1
    }

    func declare(_ state: State) -> Int {
        states.append(state)
        return states.count - 1
    }

    /// Notes who keeps a state that was found in a file before anybody requested it.
    func setUsedInEvaluation(_ isUsed: Bool, state index: Int) { states[index].isUsedInEvaluation = isUsed }

    func declareNumber(_ path: String) -> Int {
        numbers.append(path)
        return numbers.count - 1
    }

    /// What the learning rate of each parameter is times that of the optimizer; empty if all are 1.
    private(set) var learningRateScales: ContiguousArray<Float> = []

    /// Sets the learning rates of groups. Parameters of scale 0 are frozen: they are not trained, and not handed to
    /// techniques.
    func setLearningRateScales(_ scales: ContiguousArray<Float>) {
        guard scales.contains(where: { $0 != 1 }) else { return }
        learningRateScales = scales
        frozen = scales.contains(0) ? ContiguousArray(scales.map { $0 == 0 }) : []
        selections = [:]
    }

    func learningRateScale(_ index: Int) -> Float { index < learningRateScales.count ? learningRateScales[index] : 1 }

    func isFrozen(_ index: Int) -> Bool { index < frozen.count && frozen[index] }

    /// Whether a selector matches a parameter, frozen or not.
    func matches(_ selector: ParameterSelector, _ index: Int) -> Bool {
        selector.matches(path: parameters[index].path, role: parameters[index].role)
    }

    /// The indices of the trained parameters that a selector matches.
    func indices(_ selector: ParameterSelector) -> [Int] {
        if let known = selections[selector] { return known }
        let indices = parameters.indices.filter {
            !isFrozen($0) && matches(selector, $0)
        }
        selections[selector] = indices
        return indices
    }
}

/// The values of the parameters of one run, or of one pass at other values, in the order of the layout.
final class ParameterValues {
    var values: ContiguousArray<Tensor>
    /// Whether each parameter keeps its value; those past the end are trained.
    var frozen: ContiguousArray<Bool> = []

    init(_ values: ContiguousArray<Tensor> = [], frozen: ContiguousArray<Bool> = []) {
        self.values = values
        self.frozen = frozen
    }

    @inline(__always)
    func isFrozen(_ index: Int) -> Bool { index < frozen.count && frozen[index] }
}

/// The values of all that changes in a run and is not trained.
final class StateValues {
    var values: ContiguousArray<Tensor> = []
    var numbers: ContiguousArray<Double> = []
    /// Copies of variables that techniques keep, by path.
    var snapshots: [String: Variables] = [:]

    init() { original = nil }

    /// The values that this is a copy of, for one pass.
    private let original: StateValues?

    init(copying other: StateValues) {
        values = other.values
        numbers = other.numbers
        snapshots = other.snapshots
        original = other
    }

    /// Takes a state that was just declared. What a pass over a copy declares is the run's, too.
    func append(_ value: Tensor) {
        values.append(value)
        original?.append(value)
    }

    /// Takes a number that was just declared.
    func append(_ number: Double) {
        numbers.append(number)
        original?.append(number)
    }

    /// Goes back to values from before a step. What the step was the first to declare stays.
    func restore(
        _ values: ContiguousArray<Tensor>, _ numbers: ContiguousArray<Double>, _ snapshots: [String: Variables]
    ) {
        self.values.replaceSubrange(values.indices, with: values)
        self.numbers.replaceSubrange(numbers.indices, with: numbers)
        self.snapshots = snapshots
    }
}
