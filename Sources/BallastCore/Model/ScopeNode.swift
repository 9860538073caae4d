internal import Tensors

/// One place of one run: a layer of the model, a technique, or a technique at a site.
///
/// Nodes form a tree that the first pass builds. What was given a name is found by it, in any order and any number of
/// times; what was not is found by its position among those without a name. What a pass counts is in its record.
package final class ScopeNode {
    let tree: ScopeTree
    /// The node's number in the tree.
    let index: Int
    package let path: String
    let name: String
    let kind: String
    let isActivation: Bool
    /// Whether this is a technique's own place, outside of the model.
    let isTechnique: Bool
    /// The number of places around this one; bounded, since each takes a part of the thread's stack.
    private let depth: Int
    private static let maximumDepth = 500
    /// The type of the layer that was given no name, and is found by its position; nil for what was given one.
    private let unnamed: ObjectIdentifier?
    private let breadcrumb: Breadcrumb
    /// The stream of this path, at index 0.
    let stream: RandomStream

    private(set) var children: ContiguousArray<ScopeNode> = []
    /// Those of the children that were given no name.
    private var unnamedChildren: ContiguousArray<ScopeNode> = []
    private var kindCounts: [String: Int] = [:]
    private var parameters = NameIndex()
    private var states = NameIndex()
    private var numbers = NameIndex()

    private(set) var before: ContiguousArray<Interception> = []
    private(set) var around: ContiguousArray<Interception> = []
    private(set) var after: ContiguousArray<Interception> = []
    /// Those who asked to see what this place computes.
    var observers: [Int] = []
    /// What flowed into a technique's site in the first pass.
    var siteInput: FirstPassTrace.SiteInput?
    /// The shapes of the layer's input and output in the first pass.
    private(set) var shapes: (input: Shape, output: Shape, outputType: ScalarType)?

    init(
        tree: ScopeTree, path: String, name: String, kind: String, isActivation: Bool = false,
        isTechnique: Bool = false, unnamed: ObjectIdentifier? = nil, depth: Int = 0
    ) {
        self.tree = tree
        self.path = path
        self.name = name
        self.kind = kind
        self.isActivation = isActivation
        self.isTechnique = isTechnique
        self.unnamed = unnamed
        self.depth = depth
        index = tree.nextIndex()
        breadcrumb = Breadcrumb(path: path)
        stream = RandomStream(seed: tree.seed, purpose: path)
    }

    /// The stream from which each sample of the data draws, at index 0.
    private(set) lazy var sampleStream = RandomStream(seed: tree.seed, purpose: path + "#sample")

    /// The stream that a technique shares among all its places, at index 0.
    private(set) lazy var sharedStream = RandomStream(seed: tree.seed, purpose: name + "#shared")

    /// Names this place in the messages of failures while a body runs.
    @inline(__always)
    func named<R>(_ body: () throws -> R) rethrows -> R {
        let previous = breadcrumb.enter()
        defer { Breadcrumb.leave(to: previous) }
        return try body()
    }

    // MARK: Running

    /// Whether no technique acts here and none observes the output.
    var isBare: Bool { !isIntercepted && observers.isEmpty }
    private var isIntercepted: Bool { !(before.isEmpty && around.isEmpty && after.isEmpty) }
    /// Whether no technique changes the input of the layer here.
    var takesInputUnchanged: Bool { before.isEmpty && around.isEmpty }

    /// Runs a layer at this place, with the techniques that act here.
    @inline(__always)
    func run(_ layer: some Layer, _ x: Tensor, in pass: Pass) -> Tensor {
        let previous = breadcrumb.enter()
        defer { Breadcrumb.leave(to: previous) }
        pass.record.enter(self)
        guard isIntercepted || pass.record.isWatching || !observers.isEmpty else {
            return layer.forward(x, in: Scope(self, pass))
        }
        return runIntercepted(layer, x, in: pass)
    }

    private func runIntercepted(_ layer: some Layer, _ x: Tensor, in pass: Pass) -> Tensor {
        var x = x
        for interception in before { x = interception.apply(x, in: pass) }
        if let trace = pass.record.trace {
            // The layer declares its parameters before a technique asks for them.
            let output = runAround(layer, x, 0, in: pass)
            shapes = (x.shape, output.shape, output.scalarType)
            if around.isEmpty {
                trace.record(output, from: path)
                return finish(output, in: pass)
            }
        }
        let y = runAround(layer, x, around.count, in: pass)
        pass.record.trace?.record(y, from: path)
        return finish(y, in: pass)
    }

    private func finish(_ output: Tensor, in pass: Pass) -> Tensor {
        var y = output
        for interception in after { y = interception.apply(y, in: pass) }
        if pass.record.observesEverything || !observers.isEmpty {
            pass.record.observations.append(Observation(path: path, kind: kind, value: y, observers: observers))
        }
        return y
    }

    private func runAround(_ layer: some Layer, _ x: Tensor, _ depth: Int, in pass: Pass) -> Tensor {
        guard depth > 0 else {
            pass.record.enterAgain(self)
            return layer.forward(x, in: Scope(self, pass))
        }
        return around[depth - 1].apply(x, in: pass) { input, replacements in
            let pass = replacements.isEmpty ? pass : Pass(pass, replacing: replacements)
            return self.runAround(layer, input, depth - 1, in: pass)
        }
    }

    /// The shape and type that the layer makes of an input, as the first pass made them of another batch.
    func output(for input: Shape) -> (shape: Shape, type: ScalarType)? {
        guard let shapes else { return nil }
        guard let oldRows = shapes.input.first, let rows = input.first, let outputs = shapes.output.first,
            oldRows > 0, outputs * rows % oldRows == 0
        else { return (shapes.output, shapes.outputType) }
        return (Shape([outputs * rows / oldRows] + shapes.output.dropFirst()), shapes.outputType)
    }

    // MARK: Finding and creating

    func variablePath(_ name: String) -> String { path.isEmpty ? name : path + (isTechnique ? "/" : ".") + name }

    @inline(__always)
    func child(of layer: some Layer, named name: String?, in pass: Pass) -> ScopeNode {
        let position = pass.record.nextChild(of: self)
        guard let name else { return unnamedChild(of: layer, at: position, in: pass) }
        if position < children.count, children[position].name == name { return children[position] }
        return children.first { $0.name == name }.map { checked($0, layer) } ?? create(layer, named: name)
    }

    private func unnamedChild(of layer: some Layer, at position: Int, in pass: Pass) -> ScopeNode {
        let slot = pass.record.nextUnnamed(of: self)
        if slot < unnamedChildren.count, unnamedChildren[slot].unnamed == identity(layer) {
            return unnamedChildren[slot]
        }
        let other = slot < unnamedChildren.count ? unnamedChildren[slot] : children.dropFirst(position).first
        if let other, tree.isDeclared || slot < unnamedChildren.count {
            fail(
                "scope",
                "a layer of kind \(layer.kind) was requested where an earlier pass had \"\(other.path)\"; give a name to layers that not every pass requests, or not in the same order: scope(layer, x, named: \"...\")"
            )
        }
        return create(layer, named: nil)
    }

    private func checked(_ child: ScopeNode, _ layer: some Layer) -> ScopeNode {
        guard child.kind == layer.kind else {
            fail(
                "scope",
                "a layer of kind \(layer.kind) has the name of \"\(child.path)\", of kind \(child.kind); give it another"
            )
        }
        return child
    }

    /// The two places that are requested next, if an earlier pass made them.
    func nextChildren(in pass: Pass) -> (ScopeNode, ScopeNode)? {
        let position = pass.record.upcomingChild(of: self)
        return position + 1 < children.count ? (children[position], children[position + 1]) : nil
    }

    @inline(__always)
    private func identity(_ layer: some Layer) -> ObjectIdentifier { ObjectIdentifier(type(of: layer)) }

    private func create(_ layer: some Layer, named name: String?) -> ScopeNode {
        let kind = layer.kind
        guard !tree.isShared else {
            fail(
                "scope",
                "a layer of kind \(kind) was first requested in a prediction; request every layer in every phase")
        }
        guard depth < ScopeNode.maximumDepth else {
            fail("scope", "layers are nested more than \(ScopeNode.maximumDepth) deep; list layers side by side")
        }
        kindCounts[kind, default: 0] += 1
        // A name that was given to another layer is not given again by counting.
        while name == nil, let taken = kindCounts[kind], children.contains(where: { $0.name == "\(kind)\(taken)" }) {
            kindCounts[kind] = taken + 1
        }
        let childName = name ?? "\(kind)\(kindCounts[kind, default: 1])"
        let child = ScopeNode(
            tree: tree, path: variablePath(childName), name: childName, kind: kind,
            isActivation: layer is any Activation, unnamed: name == nil ? identity(layer) : nil, depth: depth + 1)
        tree.bind(child)
        children.append(child)
        if name == nil { unnamedChildren.append(child) }
        return child
    }

    @inline(__always)
    func parameterIndex(
        _ name: String, _ shape: Shape, _ initial: () -> Initializer, _ role: ParameterRole?, _ unitAxis: Int?,
        in pass: Pass
    ) -> Int {
        parameters.find(name) {
            tree.declareParameter(
                variablePath(name), shape, initial(), role ?? (name == "bias" ? .bias : .weight), unitAxis,
                isUsedInEvaluation: !isTechnique, in: pass)
        }
    }

    func stateIndex(_ name: String, _ shape: Shape, _ initial: () -> Initializer, in pass: Pass) -> Int {
        states.find(name) {
            tree.declareState(
                variablePath(name), shape, initial(), isUsedInEvaluation: !isTechnique, in: pass)
        }
    }

    func numberIndex(_ name: String, _ initial: Double, in pass: Pass) -> Int {
        numbers.find(name) { tree.declareNumber(variablePath(name), initial, in: pass) }
    }

    /// The parameters of this place and of all below it, by index, with their names seen from here.
    var ownParameters: [(name: String, index: Int)] {
        parameters.entries
            + children.flatMap { child in
                child.ownParameters.map { ("\(child.name).\($0.name)", $0.index) }
            }
    }

    // MARK: Techniques

    func bind(_ interception: Interception) {
        switch interception.position {
        case .before: before.append(interception)
        case .around: around.append(interception)
        case .after: after.append(interception)
        }
    }

    /// This place and all below it.
    func visit(_ body: (ScopeNode) -> Void) {
        body(self)
        for child in children { child.visit(body) }
    }
}

/// What was declared under a few names, and where it is.
private struct NameIndex {
    private(set) var entries: [(name: String, index: Int)] = []

    @inline(__always)
    mutating func find(_ name: String, orDeclare declare: () -> Int) -> Int {
        for entry in entries where entry.name == name { return entry.index }
        let index = declare()
        entries.append((name, index))
        return index
    }
}
