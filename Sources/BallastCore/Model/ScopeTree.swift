internal import Tensors

/// All places of one run: the model's layers, and the techniques' own places. The first pass builds it.
final class ScopeTree {
    let seed: UInt64
    let layout = VariableLayout()
    /// What acts at places of the model, in the order listed.
    let interceptors: [any Interceptor]
    /// The layers that each observer wants to see.
    let observed: [(observer: Int, layers: [LayerSelector])]
    /// Variables from a file, which the first pass looks up.
    let loaded: LoadedVariables?
    private var nodeCount = 0
    /// The paths taken by techniques at sites.
    private var sitePaths: Set<String> = []
    /// Whether the first pass was made, after which there are no new parameters.
    private(set) var isDeclared = false
    /// Whether several threads may use the tree at once, so that nothing may be added to it.
    private(set) var isShared = false

    init(
        seed: UInt64, interceptors: [any Interceptor], observed: [(observer: Int, layers: [LayerSelector])],
        loaded: LoadedVariables?
    ) {
        self.seed = seed
        self.interceptors = interceptors
        self.observed = observed
        self.loaded = loaded
    }

    func nextIndex() -> Int {
        defer { nodeCount += 1 }
        return nodeCount
    }

    func endFirstPass() { isDeclared = true }

    /// Nothing is added from here on: several threads may walk the tree.
    func share() { isShared = true }

    /// Lets techniques act at, and observe, a place that was just made.
    func bind(_ node: ScopeNode) {
        for interceptor in interceptors {
            var taken: [Site.Position] = []
            for site in interceptor.sites {
                guard let position = site.position(at: node), !taken.contains(position) else { continue }
                taken.append(position)
                let place = node.path.isEmpty ? (position == .before ? "input" : "output") : node.path
                var path = interceptor.name + "/" + place
                if !sitePaths.insert(path).inserted {
                    path += "@" + position.rawValue
                    sitePaths.insert(path)
                }
                let own = ScopeNode(tree: self, path: path, name: interceptor.name, kind: node.kind)
                node.bind(Interception(interceptor: interceptor, position: position, wrapped: node, node: own))
            }
        }
        for (observer, layers) in observed where layers.contains(where: { $0.matches(node) }) {
            node.observers.append(observer)
        }
    }

    // MARK: Declaring

    func declareParameter(
        _ path: String, _ shape: Shape, _ initial: Initializer, _ role: ParameterRole, _ unitAxis: Int?,
        isUsedInEvaluation: Bool, in pass: Pass
    ) -> Int {
        guard !isDeclared else {
            fail(
                "parameter",
                "\"\(path)\" was first requested after the first pass; request every parameter in every phase, so that the first pass creates it"
            )
        }
        require(
            unitAxis.map { $0 >= 0 && $0 < shape.rank } ?? true,
            "parameter: the unit axis \(unitAxis ?? 0) of \"\(path)\" is not an axis of its shape \(shape)")
        if let known = layout.parameters.firstIndex(where: { $0.path == path }) { return known }
        pass.parameters.values.append(value(path, shape, initial))
        return layout.declare(
            .init(path: path, role: role, unitAxis: unitAxis, shape: shape, isUsedInEvaluation: isUsedInEvaluation))
    }

    func declareState(
        _ path: String, _ shape: Shape, _ initial: Initializer, isUsedInEvaluation: Bool, in pass: Pass
    ) -> Int {
        requireGrowable("state", path)
        let index: Int
        if let known = layout.states.firstIndex(where: { $0.path == path }) {
            index = known
            layout.setUsedInEvaluation(isUsedInEvaluation, state: known)
        } else {
            pass.states.append(value(path, shape, initial))
            index = layout.declare(.init(path: path, isUsedInEvaluation: isUsedInEvaluation))
        }
        let found = pass.states.values[index].shape
        guard found == shape else { fail("state", "\"\(path)\" has shape \(found) but was requested as \(shape)") }
        return index
    }

    func declareNumber(_ path: String, _ initial: Double, in pass: Pass) -> Int {
        requireGrowable("number", path)
        if let known = layout.numbers.firstIndex(of: path) { return known }
        pass.states.append(loaded?.number(path) ?? initial)
        return layout.declareNumber(path)
    }

    /// Makes states and numbers of what a file holds and nobody has requested yet: techniques may do so later.
    func declareRemaining(of loaded: LoadedVariables, _ states: StateValues) {
        let rest = loaded.takeRemaining()
        for (path, value) in rest.tensors where !layout.states.contains(where: { $0.path == path }) {
            states.append(value)
            _ = layout.declare(.init(path: path, isUsedInEvaluation: false))
        }
        for (path, value) in rest.numbers where !layout.numbers.contains(path) {
            states.append(value)
            _ = layout.declareNumber(path)
        }
    }

    private func requireGrowable(_ what: StaticString, _ path: String) {
        guard !isShared else {
            fail(what, "\"\(path)\" was first requested in a prediction; request it in every phase")
        }
    }

    private func value(_ path: String, _ shape: Shape, _ initial: Initializer) -> Tensor {
        loaded?.take(path, shape) ?? initial.values(shape, RandomStream(seed: seed, purpose: "initial/" + path))
    }

    // MARK: Variables by path

    /// A copy of parameters and states.
    func variables(_ parameters: ParameterValues, _ states: StateValues, isForEvaluation: Bool = false) -> Variables {
        var entries: [Variables.Entry] = []
        for (parameter, value) in zip(layout.parameters, parameters.values)
        where !isForEvaluation || parameter.isUsedInEvaluation {
            entries.append(Variables.Entry(path: parameter.path, role: parameter.role, value: value))
        }
        for (state, value) in zip(layout.states, states.values) where !isForEvaluation || state.isUsedInEvaluation {
            entries.append(Variables.Entry(path: state.path, role: nil, value: value))
        }
        return Variables(entries: entries)
    }

    /// What is wrong with variables that are to take the place of the run's: unknown paths, and other shapes.
    func problems(with variables: Variables) -> [String] {
        var shapes: [String: Shape] = [:]
        for parameter in layout.parameters { shapes[parameter.path] = parameter.shape }
        return variables.entries.compactMap { entry in
            if let shape = shapes[entry.path] {
                return shape == entry.value.shape
                    ? nil : "\"\(entry.path)\" has shape \(shape) and cannot become \(entry.value.shape)"
            }
            return layout.states.contains { $0.path == entry.path }
                ? nil : "there is no variable \"\(entry.path)\""
        }
    }

    /// Puts variables in the place of those of the same paths; others stay.
    func assign(_ variables: Variables, to parameters: ParameterValues, _ states: StateValues) {
        var byPath: [String: Tensor] = [:]
        for entry in variables.entries { byPath[entry.path] = entry.value }
        for (index, parameter) in layout.parameters.enumerated() {
            if let value = byPath[parameter.path], value.shape == parameter.shape {
                parameters.values[index] = value.detached
            }
        }
        for (index, state) in layout.states.enumerated() {
            if let value = byPath[state.path], value.shape == states.values[index].shape {
                states.values[index] = value.detached
            }
        }
    }

    /// Values for a pass at other variables; what they leave out is the run's.
    func values(
        _ variables: Variables, over parameters: ParameterValues, _ states: StateValues
    ) -> (parameters: ParameterValues, states: StateValues) {
        let values = ParameterValues(parameters.values, frozen: parameters.frozen)
        let copy = StateValues(copying: states)
        assign(variables, to: values, copy)
        return (values, copy)
    }
}

/// Variables from a file, until the first pass has requested them.
final class LoadedVariables {
    private var tensors: [String: Tensor]
    private let numbers: [(path: String, value: Double)]
    /// The names of the tensors as they were written.
    private let order: [String]
    /// What does not match between the file and what is requested.
    private(set) var problems: [String] = []
    /// Whether a variable that is not in the file is a mistake; not while techniques declare state late.
    var isComplete = true

    init(_ tensors: [String: Tensor], numbers: [(path: String, value: Double)] = [], order: [String] = []) {
        self.tensors = tensors
        self.numbers = numbers
        self.order = order
    }

    func number(_ path: String) -> Double? { numbers.first { $0.path == path }?.value }

    /// The value for a path, which is then no longer here.
    func take(_ path: String, _ shape: Shape) -> Tensor? {
        guard let value = tensors.removeValue(forKey: path) ?? tensors.removeValue(forKey: path.withoutBranches) else {
            if isComplete { problems.append("\"\(path)\" of shape \(shape) is not in the file") }
            return nil
        }
        guard value.shape == shape else {
            problems.append("\"\(path)\" has shape \(value.shape) in the file, but \(shape) is needed")
            return nil
        }
        return value
    }

    /// The paths that were not requested, of those that no technique of these names keeps.
    func remainingPaths(besides techniques: [String]) -> [String] {
        tensors.keys.filter { path in !techniques.contains { path.hasPrefix($0 + "/") } }.sorted()
    }

    /// What was not requested yet, in the order in which it was written.
    func takeRemaining() -> (tensors: [(path: String, value: Tensor)], numbers: [(path: String, value: Double)]) {
        let rest = order.compactMap { path in tensors.removeValue(forKey: path).map { (path, $0) } }
        return (rest, numbers)
    }
}

extension String {
    /// The path as files named it when the layers of a residual connection had no place of their own.
    fileprivate var withoutBranches: String { replacing(".branch.", with: ".") }
}
