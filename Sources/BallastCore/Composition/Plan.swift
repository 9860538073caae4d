internal import Foundation

/// What a run will do: per hook, the techniques in the order in which they act.
public struct Plan: Sendable, Codable, Hashable, CustomStringConvertible {
    /// A technique at a hook.
    public struct Entry: Sendable, Codable, Hashable {
        /// The hook.
        public let hook: Hook
        /// The technique's name.
        public let technique: String
        /// The technique with its hyper-parameters, such as `L2(strength: 0.0001)`.
        public let hyperparameters: String
        /// The stage of a gradient transform; nil elsewhere.
        public let stage: String?
        /// Where it acts: layers, or `batch`.
        public let sites: [String]
        /// The paths of the parameters that it acts on.
        public let parameters: [String]
        /// The number of elements of these parameters.
        public let parameterCount: Int
        /// The paths of its own parameters, which are trained with the model's.
        public let ownParameters: [String]
        /// The number of elements of these.
        public let ownParameterCount: Int
        /// What the hook shows it, such as `gradients`.
        public let reads: [String]
        /// What it may change by what it returns, such as `updates, after the optimizer`.
        public let changes: [String]
    }

    /// The entries, hook by hook.
    public let entries: [Entry]
    /// The number of elements of all parameters, those of techniques included.
    public let parameterCount: Int
    /// The paths of the parameters that are not trained.
    public let frozenParameters: [String]
    /// The warnings.
    public let warnings: [Diagnostic]

    init(_ model: BoundModel, _ context: CompositionContext, _ warnings: [Diagnostic]) {
        let layout = model.tree.layout
        func count(_ paths: [String]) -> Int {
            layout.parameters.reduce(0) { $0 + (paths.contains($1.path) ? $1.shape.elementCount : 0) }
        }
        entries = Hook.allCases.flatMap { hook in
            context.techniques.indices.filter { context.table.hooks(of: $0).contains(hook) }.map { index in
                let technique = context.techniques[index]
                let role = Role(of: index, at: hook, model, context)
                let paths = role.selector.map { layout.indices($0).map { layout.parameters[$0].path } } ?? []
                let own =
                    hook == .forwardWrapper
                    ? layout.parameters.map(\.path).filter { $0.hasPrefix(technique.name + "/") } : []
                return Entry(
                    hook: hook, technique: technique.name, hyperparameters: Plan.hyperparameters(of: technique),
                    stage: role.stage, sites: role.sites, parameters: paths, parameterCount: count(paths),
                    ownParameters: own, ownParameterCount: count(own), reads: role.reads, changes: role.changes)
            }
        }
        parameterCount = layout.parameters.reduce(0) { $0 + $1.shape.elementCount }
        frozenParameters = layout.parameters.indices.filter(layout.isFrozen).map { layout.parameters[$0].path }
        self.warnings = warnings
    }

    /// A technique, or an optimizer, with its hyper-parameters.
    static func hyperparameters(of value: Any) -> String {
        let fields = Mirror(reflecting: value).children.compactMap { child -> String? in
            guard let label = child.label, label != "name" else { return nil }
            let mirror = Mirror(reflecting: child.value)
            guard mirror.displayStyle != .optional || mirror.children.first != nil else { return nil }
            let value = mirror.displayStyle == .optional ? mirror.children.first?.value ?? child.value : child.value
            return "\(label): \(text(of: value))"
        }
        let type = String(String(describing: Swift.type(of: value)).prefix { $0 != "<" })
        return fields.isEmpty ? type : "\(type)(\(fields.joined(separator: ", ")))"
    }

    /// A value as it is described; what has no order, in the order of its words, the same in every process.
    private static func text(of value: Any) -> String {
        let mirror = Mirror(reflecting: value)
        guard mirror.displayStyle == .set || mirror.displayStyle == .dictionary else { return "\(value)" }
        return "[\(mirror.children.map { "\($0.value)" }.sorted().joined(separator: ", "))]"
    }

    /// The plan as JSON.
    public var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    /// The plan for people.
    public var description: String {
        var lines: [String] = []
        for hook in Hook.allCases {
            let mine = entries.filter { $0.hook == hook }
            lines.append("\(hook.rawValue)\(mine.isEmpty ? ": none" : "")")
            for (index, entry) in mine.enumerated() {
                let name = entry.hyperparameters.hasPrefix(entry.technique) ? "" : "\(entry.technique) = "
                lines.append("  \(index + 1). \(name)\(entry.hyperparameters)")
                if let stage = entry.stage { lines.append("     when: \(stage)") }
                if !entry.sites.isEmpty {
                    let count = entry.sites.count > 1 ? " (\(entry.sites.count) sites)" : ""
                    lines.append("     at: \(entry.sites.joined(separator: ", "))\(count)")
                }
                if !entry.parameters.isEmpty {
                    lines.append(
                        "     on: \(entry.parameterCount) parameters in \(entry.parameters.joined(separator: ", "))")
                }
                if !entry.ownParameters.isEmpty {
                    lines.append(
                        "     trains: \(entry.ownParameterCount) parameters of its own in \(entry.ownParameters.joined(separator: ", "))"
                    )
                }
                lines.append("     reads: \(entry.reads.joined(separator: ", "))")
                lines.append("     changes: \(entry.changes.joined(separator: "; "))")
            }
        }
        lines.append("\(parameterCount) parameters in all")
        if !frozenParameters.isEmpty { lines.append("frozen: \(frozenParameters.joined(separator: ", "))") }
        return (lines + warnings.map(\.description)).joined(separator: "\n")
    }
}
