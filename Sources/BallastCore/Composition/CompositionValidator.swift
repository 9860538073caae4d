internal import Tensors

/// Checks a composition against the model that it wraps, after the first pass has shown what there is.
struct CompositionValidator {
    /// Names under which a run keeps, or draws for, something else.
    private static let reservedNames = ["optimizer", "initial", "final", "shuffle", "split"]

    let context: CompositionContext
    private let model: BoundModel
    private let silencedWarnings: Set<String>

    init(_ context: CompositionContext, _ model: BoundModel, silencing silencedWarnings: Set<String>) {
        self.context = context
        self.model = model
        self.silencedWarnings = silencedWarnings
    }

    /// Returns the warnings that are not silenced.
    ///
    /// - Throws: ``CompositionError`` with all diagnostics if one is an error.
    func check() throws -> [Diagnostic] {
        var diagnostics = nameDiagnostics
        for (index, technique) in context.techniques.enumerated() {
            diagnostics += formDiagnostics(technique)
            diagnostics += siteDiagnostics(technique, index)
            diagnostics += selectorDiagnostics(technique, index)
            diagnostics += TraitRules(technique, at: index, context).diagnostics
            diagnostics += technique.diagnostics(in: context)
        }
        diagnostics.removeAll { $0.severity == .warning && silencedWarnings.contains($0.identifier) }
        if diagnostics.contains(where: { $0.severity == .error }) { throw CompositionError(diagnostics: diagnostics) }
        return diagnostics
    }

    private var nameDiagnostics: [Diagnostic] {
        var diagnostics: [Diagnostic] = []
        var seen: Set<String> = []
        for name in context.techniques.map(\.name) {
            if !seen.insert(name).inserted {
                diagnostics.append(
                    Diagnostic(
                        .error, "duplicate-name", technique: name,
                        message: "two techniques of the composition have this name",
                        reason: "state and randomness are kept under the name",
                        suggestion: "give one of them another name: \(name)(..., named: \"\(name.lowercased())2\")"))
            }
            if name.isEmpty || name.contains("/") || CompositionValidator.reservedNames.contains(name) {
                diagnostics.append(
                    Diagnostic(
                        .error, "bad-name", technique: name, message: "\"\(name)\" cannot be the name of a technique",
                        suggestion:
                            "choose a name that is not empty, none of \(CompositionValidator.reservedNames.joined(separator: ", ")), and has no \"/\""
                    ))
            }
        }
        return diagnostics
    }

    private func formDiagnostics(_ technique: any Technique) -> [Diagnostic] {
        if technique is any ForwardWrapper, !(technique is any BatchWrapper), !(technique is any LayerWrapper) {
            return [
                Diagnostic(
                    .error, "no-form", technique: technique.name,
                    message: "conforms to ForwardWrapper, but to neither of its forms",
                    reason:
                        "the hook is called through BatchWrapper or LayerWrapper, so this technique would do nothing",
                    suggestion: "conform to BatchWrapper to change batches, or to LayerWrapper to wrap layers")
            ]
        }
        return []
    }

    private func siteDiagnostics(_ technique: any Technique, _ index: Int) -> [Diagnostic] {
        var wanted: [(what: String, layers: LayerSelector)] = []
        if let wrapper = context.table.layerWrappers.first(where: { $0.index == index })?.technique {
            guard !wrapper.sites.isEmpty else {
                return [
                    Diagnostic(
                        .error, "no-site", technique: technique.name, message: "no site was given",
                        suggestion: "give at least one, such as .after(.activations)")
                ]
            }
            wanted = wrapper.sites.map { ($0.description, $0.layers) }
        }
        if let penalty = context.table.penalties.first(where: { $0.index == index })?.technique {
            wanted += penalty.observes.map { ($0.description, $0) }
        }
        var nodes: [ScopeNode] = []
        model.root.visit { nodes.append($0) }
        return wanted.filter { want in !nodes.contains { want.layers.matches($0) } }.map { want in
            let layers = nodes.filter { !$0.path.isEmpty }.map { "\($0.path) (\($0.kind))" }
            return Diagnostic(
                .error, "no-such-site", technique: technique.name,
                message: "the site \(want.what) matches no layer",
                suggestion:
                    "choose among: \(layers.isEmpty ? "none (the model has no named layers)" : layers.joined(separator: ", "))"
            )
        }
    }

    private func selectorDiagnostics(_ technique: any Technique, _ index: Int) -> [Diagnostic] {
        let layout = model.tree.layout
        return [Hook.lossPenalty, .gradientTransform].compactMap { context.table.selector(of: index, at: $0) }
            .filter { layout.indices($0).isEmpty }
            .map { selector in
                let paths = layout.parameters.enumerated().map { position, parameter in
                    "\(parameter.path) (\(parameter.role.rawValue)\(layout.isFrozen(position) ? ", frozen" : ""))"
                }
                return Diagnostic(
                    .error, "no-such-parameter", technique: technique.name,
                    message: "the selector \(selector) matches no trained parameter",
                    suggestion: "choose among: \(paths.joined(separator: ", "))")
            }
    }
}

extension CompositionContext {
    /// Describes a composition over a model, after its first pass.
    init(
        _ table: HookTable, _ model: BoundModel, loss: Loss, metrics: [MetricDescription],
        optimizer: any Optimizer, hasValidation: Bool, epochs: Int?, batchSize: Int, shards: Int, sampleCount: Int?
    ) {
        var layers: [LayerDescription] = []
        var sites: [SiteDescription] = []
        func add(_ interceptions: ContiguousArray<Interception>, _ node: ScopeNode) {
            sites += interceptions.map { interception in
                SiteDescription(
                    technique: interception.interceptor.name, layer: node.path, position: interception.position,
                    inputShape: interception.node.siteInput?.shape ?? Shape(),
                    fedBy: interception.node.siteInput?.layers ?? [])
            }
        }
        func visit(_ node: ScopeNode) {
            if !node.path.isEmpty { layers.append(.init(path: node.path, kind: node.kind)) }
            add(node.before, node)
            for child in node.children { visit(child) }
            add(node.around, node)
            add(node.after, node)
        }
        visit(model.root)
        let layout = model.tree.layout
        self.init(
            table: table, loss: loss, optimizer: optimizer, hasValidation: hasValidation, epochs: epochs,
            batchSize: batchSize, shards: shards, sampleCount: sampleCount,
            metrics: metrics,
            parameters: layout.parameters.indices.filter { !layout.isFrozen($0) }.map { index in
                let parameter = layout.parameters[index]
                return ParameterDescription(
                    path: parameter.path, role: parameter.role, shape: parameter.shape, unitAxis: parameter.unitAxis)
            },
            inputShape: model.inputShape ?? Shape(), outputShape: Shape((model.outputShape ?? []).dropFirst()),
            inputType: model.inputType, layers: layers, sites: sites)
    }
}
