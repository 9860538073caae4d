package import Tensors

/// One place of one run: a layer of the model, a technique, or a technique at a site.
///
/// Frames form a tree that the first pass builds. Later passes walk it by position, and compare names only to make
/// sure; a pass that asks in another order still finds by name what was given one.
package final class Frame {
    package let execution: Execution
    package let path: String
    let name: String
    let kind: String
    let isActivation: Bool
    /// What stands here without a name of its own, found by its position; nil for what was given a name.
    private let unnamed: ObjectIdentifier?
    private let separator: String
    private let breadcrumb: Breadcrumb
    /// The stream of this path, at index 0.
    let stream: RandomStream

    private(set) var children: ContiguousArray<Frame> = []
    private var childCursor = 0
    private var kindCounts: [String: Int] = [:]
    private var parameters: ContiguousArray<(name: String, index: Int)> = []
    private var parameterCursor = 0
    private var states: ContiguousArray<(name: String, index: Int)> = []
    private var stateCursor = 0
    private var numbers: ContiguousArray<(name: String, index: Int)> = []
    private var numberCursor = 0

    /// What to do with parameters before the layer sees them, while a technique runs it so.
    var parameterTransform: ((_ name: String, _ value: Tensor) -> Tensor)?

    var before: ContiguousArray<SiteBinding> = []
    var around: ContiguousArray<SiteBinding> = []
    var after: ContiguousArray<SiteBinding> = []
    private(set) var isWrapped = false
    /// What flowed into a technique's site in the first pass.
    var siteInput: DataFlow.SiteInput?
    /// The techniques, by index, that asked to see what this place computes.
    private(set) var observers: [Int] = []

    init(
        execution: Execution, path: String, name: String, kind: String, isActivation: Bool = false,
        unnamed: ObjectIdentifier? = nil, separator: String = "."
    ) {
        self.execution = execution
        self.path = path
        self.name = name
        self.kind = kind
        self.isActivation = isActivation
        self.unnamed = unnamed
        self.separator = separator
        breadcrumb = Breadcrumb(path: path)
        stream = RandomStream(seed: execution.seed, purpose: path)
        // Every place is watched in the first pass; later only those that are wrapped take the longer way.
        isWrapped = execution.flow != nil
    }

    /// Ends the watching of what flows where.
    func endFirstPass() {
        isWrapped = !(before.isEmpty && around.isEmpty && after.isEmpty)
    }

    // MARK: Running

    /// Whether nobody wraps this place or looks at its output.
    var isBare: Bool { !isWrapped && observers.isEmpty }

    /// Whether what flows to this place enters its layer unchanged.
    var takesInputAsItIs: Bool { !isWrapped || before.isEmpty && around.isEmpty && execution.flow == nil }

    /// The two places that are asked for next, if an earlier pass made them.
    var nextChildren: (Frame, Frame)? {
        childCursor + 1 < children.count ? (children[childCursor], children[childCursor + 1]) : nil
    }

    /// Runs a layer at this place, with the techniques that wrap it.
    @inline(__always)
    func run(_ layer: some Layer, _ x: Tensor) -> Tensor {
        let previous = breadcrumb.enter()
        defer { Breadcrumb.leave(to: previous) }
        rewind()
        guard isWrapped || !observers.isEmpty else { return layer.forward(x, in: Scope(self)) }
        return runWrapped(layer, x)
    }

    private func runWrapped(_ layer: some Layer, _ x: Tensor) -> Tensor {
        var x = x
        for binding in before { x = binding.apply(x) }
        var y = runAround(layer, x, around.count)
        execution.flow?.record(y, from: path)
        for binding in after { y = binding.apply(y) }
        if !observers.isEmpty {
            execution.observations.append(Observation(path: path, kind: kind, value: y, observers: observers))
        }
        return y
    }

    private func runAround(_ layer: some Layer, _ x: Tensor, _ depth: Int) -> Tensor {
        guard depth > 0 else {
            rewind()
            return layer.forward(x, in: Scope(self))
        }
        return around[depth - 1].apply(x) { input, transform in
            guard let transform else { return self.runAround(layer, input, depth - 1) }
            let outer = self.parameterTransform
            self.parameterTransform = outer.map { outer in { outer($0, transform($0, $1)) } } ?? transform
            defer { self.parameterTransform = outer }
            return self.runAround(layer, input, depth - 1)
        }
    }

    /// Starts over with the positions of what this place asks for.
    @inline(__always)
    func rewind() {
        childCursor = 0
        parameterCursor = 0
        stateCursor = 0
        numberCursor = 0
    }

    // MARK: Finding and creating

    func variablePath(_ name: String) -> String { path.isEmpty ? name : path + separator + name }

    @inline(__always)
    func child(of layer: some Layer, named name: String?) -> Frame {
        let cursor = childCursor
        childCursor = cursor + 1
        if cursor < children.count {
            let child = children[cursor]
            if let name {
                if child.name == name { return child }
            } else if child.unnamed == identity(layer) {
                return child
            }
        }
        return findOrCreateChild(layer, named: name, at: cursor)
    }

    @inline(__always)
    private func identity(_ layer: some Layer) -> ObjectIdentifier { ObjectIdentifier(type(of: layer)) }

    private func findOrCreateChild(_ layer: some Layer, named name: String?, at cursor: Int) -> Frame {
        let kind = layer.kind
        if let name {
            if let child = children.first(where: { $0.name == name }) { return child }
        } else if cursor < children.count {
            fail(
                "scope",
                "a layer of kind \(kind) was asked for where an earlier pass had \"\(children[cursor].path)\"; give a name to layers that not every pass asks for, or not in the same order: scope(layer, x, named: \"...\")"
            )
        }
        let number = kindCounts[kind, default: 0] + 1
        kindCounts[kind] = number
        let childName = name ?? "\(kind)\(number)"
        let child = Frame(
            execution: execution, path: variablePath(childName), name: childName, kind: kind,
            isActivation: layer is any Activation, unnamed: name == nil ? identity(layer) : nil)
        execution.bindSites(of: child)
        children.append(child)
        return child
    }

    @inline(__always)
    func parameterIndex(_ name: String, _ shape: Shape, _ initial: () -> Initializer, _ role: ParameterRole?) -> Int {
        let cursor = parameterCursor
        parameterCursor = cursor + 1
        if cursor < parameters.count, parameters[cursor].name == name { return parameters[cursor].index }
        if let known = parameters.first(where: { $0.name == name }) { return known.index }
        let index = execution.declareParameter(
            variablePath(name), shape, initial(), role ?? (name == "bias" ? .bias : .weight))
        parameters.append((name, index))
        return index
    }

    func stateIndex(_ name: String, _ shape: Shape, _ initial: () -> Initializer) -> Int {
        let cursor = stateCursor
        stateCursor = cursor + 1
        if cursor < states.count, states[cursor].name == name { return states[cursor].index }
        if let known = states.first(where: { $0.name == name }) { return known.index }
        let index = execution.declareState(variablePath(name), shape, initial())
        states.append((name, index))
        return index
    }

    func numberIndex(_ name: String, _ initial: Double) -> Int {
        let cursor = numberCursor
        numberCursor = cursor + 1
        if cursor < numbers.count, numbers[cursor].name == name { return numbers[cursor].index }
        if let known = numbers.first(where: { $0.name == name }) { return known.index }
        let index = execution.store.declareNumber(variablePath(name), initial)
        numbers.append((name, index))
        return index
    }

    // MARK: Sites

    func bind(_ binding: SiteBinding, at position: Site.Position) {
        switch position {
        case .before: before.append(binding)
        case .around: around.append(binding)
        case .after: after.append(binding)
        }
        isWrapped = true
    }

    func observe(for observer: Int) { observers.append(observer) }

    func stopObserving(for observer: Int) { observers.removeAll { $0 == observer } }

    /// This place and all below it.
    func visit(_ body: (Frame) -> Void) {
        body(self)
        for child in children { child.visit(body) }
    }
}

/// A technique at a site.
struct SiteBinding {
    let technique: any ForwardWrapper
    let position: Site.Position
    /// The wrapped layer's path and kind.
    let path: String
    let kind: String
    /// The technique's own place.
    let frame: Frame
    let meter: Int

    @inline(__always)
    func apply(_ x: Tensor, next: LayerCall.Next? = nil) -> Tensor {
        frame.rewind()
        if let flow = frame.execution.flow { frame.siteInput = flow.siteInput(x) }
        let call = LayerCall(path: path, kind: kind, position: position, input: x, runNext: next)
        return frame.execution.metered(meter, .forwardWrapper) {
            technique.forwardWrapper(call, in: ForwardContext(scope: Scope(frame)))
        }
    }
}

/// The output of a layer that a penalty asked to see.
public struct Observation {
    /// The layer's path.
    public let path: String
    /// The layer's kind.
    public let kind: String
    /// Its output, as the next layer sees it.
    public let value: Tensor
    /// The techniques that asked to see it.
    let observers: [Int]
}
