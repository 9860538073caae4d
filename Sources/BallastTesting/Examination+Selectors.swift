internal import Ballast

extension Examination {
    /// Over a model that has nothing to select, a technique that selects layers or weights is refused by name.
    mutating func checkSelectors() throws {
        guard let selector = unmatched.first else { return }
        let scene = Scene(
            "a model without layers and weights", model: Offset(), data: Scene.images(4),
            validation: Scene.images(2), batchSize: 2)
        do {
            _ = try start(scene, [make()])
            report(
                .selectors, scene, "\(selector) matches nothing, and the run starts",
                "an error that lists what there is")
        } catch let error as CompositionError {
            guard !error.findings.contains(where: { $0.severity == .error && $0.technique == instance.name }) else {
                return
            }
            report(.selectors, scene, "\(error)", "an error that names the technique")
        }
    }

    /// The selectors that match nothing in a model without layers and weights.
    private var unmatched: [String] {
        var selectors: [String] = []
        let everywhere: Set<String> = [".batch", ".input", ".output", ".around(.model)"]
        if let wrapper = instance as? any ForwardWrapper {
            selectors += wrapper.sites.map(\.description).filter { !everywhere.contains($0) }
        }
        if let penalty = instance as? any LossPenalty {
            selectors += penalty.observes.filter { $0 != .model }.map(\.description)
        }
        guard !wrapsLayers else { return selectors }
        return selectors
            + [penalized, transformed].compactMap { $0 }.filter { !$0.matches(path: "offset", role: .bias) }.map(
                \.description)
    }

    private var penalized: ParameterSelector? { (instance as? any LossPenalty)?.penalizes }
    private var transformed: ParameterSelector? { (instance as? any GradientTransform)?.transforms }

    /// Gradients change where a technique says that it acts, and nowhere else: what it leaves unsaid is in no plan, is
    /// seen by no rule about compositions, and is missed by nobody if it matches nothing.
    mutating func checkSelection(_ scene: Scene) throws {
        if let transformed {
            let journal = Journal()
            let run = try fit(scene, [standIn(for: make(), journal: journal)])
            let changed = Set(journal.entries.flatMap(\.changed))
            compareSelection(scene, "transforms", transformed, run.variables.parameters, changed)
        }
        if let penalized, (instance as? any LossPenalty)?.observes.isEmpty == true {
            let (parameters, gradients) = try gradientsOfPenalty(scene)
            let changed = Set(gradients.filter { $0.value.contains { $0 != 0 } }.keys)
            compareSelection(scene, "penalizes", penalized, parameters, changed)
        }
    }

    /// Compares what a selector says with what was changed; of what it says, some of each role must have been.
    private mutating func compareSelection(
        _ scene: Scene, _ property: String, _ selector: ParameterSelector, _ parameters: [Variables.Entry],
        _ changed: Set<String>
    ) {
        guard !changed.isEmpty else { return }
        let selected = parameters.filter {
            $0.role.map { [path = $0.path] in selector.matches(path: path, role: $0) } ?? false
        }
        let paths = Set(selected.map(\.path))
        if let other = parameters.first(where: { changed.contains($0.path) && !paths.contains($0.path) }) {
            report(
                .selectors, scene,
                "it changes the gradient of \"\(other.path)\", which `\(property)`, \(selector), does not select",
                "`\(property)` that says what it acts on: plans, and rules about compositions, know it by that alone")
            return
        }
        for role in ParameterRole.allCases {
            let mine = selected.filter { $0.role == role }
            guard let first = mine.first, mine.allSatisfy({ !changed.contains($0.path) }) else { continue }
            report(
                .selectors, scene,
                "`\(property)`, \(selector), selects \"\(first.path)\", but no gradient of a \(role.rawValue) changes",
                "`\(property)` that says what it acts on: where that matches nothing, nobody would be told")
            return
        }
    }
}

/// A model with nothing in it but an offset.
private struct Offset: Layer {
    func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        x.flattened(from: 1).slice(axis: 1, 0..<3) + scope.parameter("offset", [3], initial: .zeros, role: .bias)
    }
}
