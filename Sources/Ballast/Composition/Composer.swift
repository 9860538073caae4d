internal import Tensors

/// Checks a composition against the model it wraps, after the first pass has shown what there is.
struct Composer {
    /// Names under which a run keeps, or draws for, something else.
    private static let reservedNames = ["optimizer", "initial", "result", "shuffle", "split"]

    private let trainer: Trainer
    private let runner: ModelRunner
    private let hasValidation: Bool
    private let epochs: Int?
    private let sampleCount: Int?

    init(_ trainer: Trainer, _ runner: ModelRunner, hasValidation: Bool, epochs: Int?, sampleCount: Int?) {
        self.trainer = trainer
        self.runner = runner
        self.hasValidation = hasValidation
        self.epochs = epochs
        self.sampleCount = sampleCount
    }

    /// Returns the warnings that are not silenced.
    ///
    /// - Throws: ``CompositionError`` with all findings if one is an error.
    func check() throws -> [Finding] {
        let setting = setting
        let techniques = trainer.composition.techniques
        var findings = namesFindings(techniques)
        for technique in techniques {
            findings += siteFindings(technique)
            findings += selectorFindings(technique)
            findings += TraitRules(technique, setting).findings
            findings += technique.findings(in: setting)
        }
        findings.removeAll { $0.severity == .warning && trainer.silencedWarnings.contains($0.identifier) }
        if findings.contains(where: { $0.severity == .error }) { throw CompositionError(findings: findings) }
        return findings
    }

    private var store: VariableStore { runner.execution.store }

    var setting: CompositionSetting {
        var layers: [CompositionSetting.LayerDescription] = []
        var sites: [CompositionSetting.SiteDescription] = []
        func add(_ bindings: ContiguousArray<SiteBinding>, _ frame: Frame) {
            for binding in bindings {
                sites.append(
                    .init(
                        technique: binding.technique.name, layer: frame.path, position: binding.position,
                        inputShape: binding.frame.siteInput?.shape ?? Shape(),
                        fedBy: binding.frame.siteInput?.layers ?? []))
            }
        }
        func visit(_ frame: Frame) {
            if !frame.path.isEmpty { layers.append(.init(path: frame.path, kind: frame.kind)) }
            add(frame.before, frame)
            for child in frame.children { visit(child) }
            add(frame.around, frame)
            add(frame.after, frame)
        }
        visit(runner.root)
        return CompositionSetting(
            techniques: trainer.composition.techniques, loss: trainer.loss, optimizer: trainer.optimizer,
            hasValidation: hasValidation, epochs: epochs, batchSize: trainer.batchSize, sampleCount: sampleCount,
            metrics: ["trainLoss"] + (hasValidation ? ["validationLoss"] + trainer.metrics.map(\.name) : []),
            parameters: store.parameters.map { .init(path: $0.path, role: $0.role, shape: $0.value.shape) },
            inputShape: runner.inputShape ?? Shape(), inputType: runner.inputType, layers: layers, sites: sites)
    }

    private func namesFindings(_ techniques: [any Technique]) -> [Finding] {
        var findings: [Finding] = []
        var seen: Set<String> = []
        for technique in techniques {
            let name = technique.name
            if !seen.insert(name).inserted {
                findings.append(
                    Finding(
                        .error, "duplicate-name", technique: name,
                        message: "two techniques of the composition have this name",
                        reason: "state and randomness are kept under the name",
                        cure: "give one of them another name: \(name)(..., named: \"\(name.lowercased())2\")"))
            }
            if name.isEmpty || name.contains("/") || Composer.reservedNames.contains(name) {
                findings.append(
                    Finding(
                        .error, "bad-name", technique: name, message: "\"\(name)\" cannot be the name of a technique",
                        cure:
                            "choose a name that is not empty, none of \(Composer.reservedNames.joined(separator: ", ")), and has no \"/\""
                    ))
            }
        }
        return findings
    }

    private func siteFindings(_ technique: any Technique) -> [Finding] {
        var wanted: [(what: String, matches: (Frame) -> Bool)] = []
        if let wrapper = technique as? any ForwardWrapper {
            for site in wrapper.sites where site.kind != .batch {
                wanted.append((site.description, { site.position(at: $0) != nil }))
            }
            if wrapper.sites.isEmpty {
                return [
                    Finding(
                        .error, "no-site", technique: technique.name, message: "no site was given",
                        cure: "give at least one, such as .after(.activations)")
                ]
            }
        }
        if let penalty = technique as? any LossPenalty {
            for selector in penalty.observes { wanted.append((selector.description, { selector.matches($0) })) }
        }
        var findings: [Finding] = []
        for (what, matches) in wanted {
            var isFound = false
            runner.root.visit { isFound = isFound || matches($0) }
            guard !isFound else { continue }
            var layers: [String] = []
            runner.root.visit { if !$0.path.isEmpty { layers.append("\($0.path) (\($0.kind))") } }
            findings.append(
                Finding(
                    .error, "no-such-site", technique: technique.name, message: "the site \(what) matches no layer",
                    cure:
                        "choose among: \(layers.isEmpty ? "none (the model has no named layers)" : layers.joined(separator: ", "))"
                ))
        }
        return findings
    }

    private func selectorFindings(_ technique: any Technique) -> [Finding] {
        var selectors: [ParameterSelector] = []
        if let penalty = technique as? any LossPenalty { selectors.append(penalty.penalizes) }
        if let transform = technique as? any GradientTransform { selectors.append(transform.transforms) }
        return selectors.filter { store.indices($0).isEmpty }.map { selector in
            let paths = store.parameters.map { "\($0.path) (\($0.role.rawValue))" }.joined(separator: ", ")
            return Finding(
                .error, "no-such-parameter", technique: technique.name,
                message: "the selector \(selector) matches no parameter", cure: "choose among: \(paths)")
        }
    }
}
