public import Tensors

/// A copy of a run's variables: parameters and states by path, in the order in which the first pass made them.
///
/// Copies are cheap: memory is shared until one side changes.
public struct Variables {
    /// One variable.
    public struct Entry {
        /// Its path, such as `linear1.weight` or `BatchNorm/linear1.runningMean`.
        public let path: String
        /// What it is for; nil for one that is not trained.
        public let role: ParameterRole?
        /// Its value.
        public var value: Tensor

        /// Creates an entry.
        ///
        /// - Parameters:
        ///   - path: its path.
        ///   - role: what it is for; nil for one that is not trained.
        ///   - value: its value.
        public init(path: String, role: ParameterRole?, value: Tensor) {
            self.path = path
            self.role = role
            self.value = value
        }
    }

    /// The variables in order.
    public var entries: [Entry]

    /// Creates a collection of variables.
    public init(entries: [Entry] = []) { self.entries = entries }

    /// The value of the variable with a path; nil if there is none.
    public subscript(path: String) -> Tensor? {
        entries.first { $0.path == path }?.value
    }

    /// The trained ones.
    public var parameters: [Entry] { entries.filter { $0.role != nil } }

    /// The number of trained numbers.
    public var parameterCount: Int { parameters.reduce(0) { $0 + $1.value.elementCount } }

    /// Whether both hold the same variables in the same order: paths, roles, shapes and bits. The variables of a run
    /// that was resumed have the same bits as those of the run that was never stopped.
    public func hasSameBits(as other: Variables) -> Bool {
        entries.count == other.entries.count
            && zip(entries, other.entries).allSatisfy {
                $0.path == $1.path && $0.role == $1.role && $0.value.hasSameBits(as: $1.value)
            }
    }

    /// Returns the variables with each trained one replaced.
    public func mapParameters(_ transform: (Entry) -> Tensor) -> Variables {
        Variables(
            entries: entries.map { entry in
                guard entry.role != nil else { return entry }
                return Entry(path: entry.path, role: entry.role, value: transform(entry).detached)
            })
    }
}

/// All that changes in a run, by index; paths are for people and files.
final class VariableStore {
    struct Parameter {
        let path: String
        let role: ParameterRole
        var value: Tensor
        /// The optimizer's state, one tensor per slot of the optimizer.
        var slots: [Tensor] = []
    }

    struct State {
        let path: String
        var value: Tensor
    }

    struct Number {
        let path: String
        var value: Double
    }

    var parameters: ContiguousArray<Parameter> = []
    var states: ContiguousArray<State> = []
    var numbers: ContiguousArray<Number> = []
    var snapshots: [String: Variables] = [:]

    /// Variables from a file that no pass has asked for yet.
    var loaded: [String: Tensor] = [:]
    var loadedNumbers: [(path: String, value: Double)] = []
    /// Whether variables come from a file, so that one that is missing there is a mistake.
    var expectsLoaded = false
    /// The paths taken by techniques at sites.
    var places: Set<String> = []

    private var selections: [(selector: ParameterSelector, indices: [Int])] = []

    func declareParameter(_ path: String, _ role: ParameterRole, initial: () -> Tensor) -> Int {
        if let known = parameters.firstIndex(where: { $0.path == path }) { return known }
        parameters.append(Parameter(path: path, role: role, value: initial()))
        selections = []
        return parameters.count - 1
    }

    func declareState(_ path: String, initial: () -> Tensor) -> Int {
        if let known = states.firstIndex(where: { $0.path == path }) { return known }
        states.append(State(path: path, value: initial()))
        return states.count - 1
    }

    /// Makes states and numbers of what was loaded and no pass has asked for, in the order in which it was saved.
    func declareLoaded(_ order: [String]) {
        for path in order {
            if let value = loaded.removeValue(forKey: path) { _ = declareState(path, initial: { value }) }
        }
        for (path, value) in loadedNumbers { _ = declareNumber(path, value) }
        loadedNumbers = []
    }

    func declareNumber(_ path: String, _ initial: Double) -> Int {
        if let known = numbers.firstIndex(where: { $0.path == path }) { return known }
        let saved = loadedNumbers.first { $0.path == path }?.value
        numbers.append(Number(path: path, value: saved ?? initial))
        return numbers.count - 1
    }

    /// The indices of the parameters that a selector matches.
    func indices(_ selector: ParameterSelector) -> [Int] {
        for selection in selections where selection.selector == selector { return selection.indices }
        let indices = parameters.indices.filter {
            selector.matches(path: parameters[$0].path, role: parameters[$0].role)
        }
        selections.append((selector, Array(indices)))
        return Array(indices)
    }

    /// A copy of parameters and states.
    var variables: Variables {
        get {
            Variables(
                entries: parameters.map { .init(path: $0.path, role: $0.role, value: $0.value) }
                    + states.map { .init(path: $0.path, role: nil, value: $0.value) })
        }
        set {
            var byPath: [String: Tensor] = [:]
            for entry in newValue.entries { byPath[entry.path] = entry.value }
            for index in parameters.indices {
                if let value = byPath[parameters[index].path] {
                    parameters[index].value = matching(value, parameters[index].value, parameters[index].path)
                }
            }
            for index in states.indices {
                if let value = byPath[states[index].path] {
                    states[index].value = matching(value, states[index].value, states[index].path)
                }
            }
        }
    }

    private func matching(_ new: Tensor, _ old: Tensor, _ path: String) -> Tensor {
        guard new.shape == old.shape else {
            fail("variables", "\"\(path)\" has shape \(old.shape) and cannot become \(new.shape)")
        }
        return new.detached
    }
}
