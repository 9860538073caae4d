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
        public let settings: String
        /// When it acts: the stage of a gradient transform, the moments of a callback; nil elsewhere.
        public let stage: String?
        /// Where it acts: layers, or `batch`.
        public let sites: [String]
        /// The paths of the parameters that it acts on.
        public let parameters: [String]
        /// The number of single numbers in these parameters.
        public let parameterCount: Int
        /// The paths of the parameters that it brings along, and that are trained with the model's.
        public let ownParameters: [String]
        /// The number of single numbers in these.
        public let ownParameterCount: Int
        /// What the hook shows it, such as `gradients`.
        public let reads: [String]
        /// What it may change by what it returns, such as `updates, after the optimizer`.
        public let changes: [String]
    }

    /// The entries, hook by hook.
    public let entries: [Entry]
    /// The number of trained numbers in all, those of techniques included.
    public let parameterCount: Int
    /// The warnings.
    public let warnings: [String]

    init(_ trainer: Trainer, _ runner: ModelRunner, setting: CompositionSetting, findings: [Finding]) {
        let parameters = runner.execution.store.parameters
        func count(_ paths: [String]) -> Int {
            parameters.reduce(0) { $0 + (paths.contains($1.path) ? $1.value.elementCount : 0) }
        }
        entries = Hook.allCases.flatMap { hook in
            trainer.composition.techniques.filter { Composition.hooks(of: $0).contains(hook) }.map { technique in
                let role = Role(of: technique, at: hook, runner, setting)
                let on = role.selector.map { selector in runner.execution.store.indices(selector) } ?? []
                let paths = on.map { parameters[$0].path }
                let own =
                    hook == .forwardWrapper ? parameters.map(\.path).filter { $0.hasPrefix(technique.name + "/") } : []
                return Entry(
                    hook: hook, technique: technique.name, settings: Plan.settings(of: technique), stage: role.stage,
                    sites: role.sites, parameters: paths, parameterCount: count(paths), ownParameters: own,
                    ownParameterCount: count(own), reads: role.reads, changes: role.changes)
            }
        }
        parameterCount = parameters.reduce(0) { $0 + $1.value.elementCount }
        warnings = findings.map(\.description)
    }

    /// A technique, or an optimizer, with its hyper-parameters.
    static func settings(of value: Any) -> String {
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
            lines.append("\(hook.rawValue)\(mine.isEmpty ? ": nothing, at no cost" : "")")
            for (index, entry) in mine.enumerated() {
                let name = entry.settings.hasPrefix(entry.technique) ? "" : "\(entry.technique) = "
                lines.append("  \(index + 1). \(name)\(entry.settings)")
                if let stage = entry.stage { lines.append("     when: \(stage)") }
                if !entry.sites.isEmpty {
                    let count = entry.sites.count > 1 ? " (\(entry.sites.count) sites)" : ""
                    lines.append("     at: \(entry.sites.joined(separator: ", "))\(count)")
                }
                if !entry.parameters.isEmpty {
                    lines.append(
                        "     on: \(entry.parameterCount) numbers in \(entry.parameters.joined(separator: ", "))")
                }
                if !entry.ownParameters.isEmpty {
                    lines.append(
                        "     trains: \(entry.ownParameterCount) numbers of its own in \(entry.ownParameters.joined(separator: ", "))"
                    )
                }
                lines.append("     reads: \(entry.reads.joined(separator: ", "))")
                lines.append("     changes: \(entry.changes.joined(separator: "; "))")
            }
        }
        lines.append("\(parameterCount) trained numbers in all")
        return (lines + warnings).joined(separator: "\n")
    }
}
