internal import Foundation
public import Tensors

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
    }

    /// The entries, hook by hook.
    public let entries: [Entry]
    /// The number of trained numbers in all, those of techniques included.
    public let parameterCount: Int
    /// The warnings.
    public let warnings: [String]

    init(_ trainer: Trainer, _ runner: ModelRunner, setting: CompositionSetting, findings: [Finding]) {
        let store = runner.execution.store
        var entries: [Entry] = []
        for hook in Hook.allCases {
            for technique in trainer.composition.techniques where Composition.hooks(of: technique).contains(hook) {
                var selector: ParameterSelector?
                var stage: String?
                var sites: [String] = []
                switch hook {
                case .lossPenalty: selector = (technique as? any LossPenalty)?.penalizes
                case .gradientTransform:
                    let transform = technique as? any GradientTransform
                    selector = transform?.transforms
                    stage = transform?.stage.rawValue
                case .forwardWrapper:
                    if (technique as? any ForwardWrapper)?.sites.contains(.batch) == true { sites.append("batch") }
                    sites += setting.sites.filter { $0.technique == technique.name }.map {
                        $0.layer.isEmpty
                            ? ($0.position == .before ? "input" : "output") : "\($0.position.rawValue) \($0.layer)"
                    }
                case .epochCallback:
                    stage = (technique as? any EpochCallback)?.moments.map(\.rawValue).joined(separator: ", ")
                }
                let parameters = selector.map { store.indices($0).map { store.parameters[$0] } } ?? []
                entries.append(
                    Entry(
                        hook: hook, technique: technique.name, settings: Plan.settings(of: technique), stage: stage,
                        sites: sites, parameters: parameters.map(\.path),
                        parameterCount: parameters.reduce(0) { $0 + $1.value.elementCount }))
            }
        }
        self.entries = entries
        parameterCount = store.parameters.reduce(0) { $0 + $1.value.elementCount }
        warnings = findings.map(\.description)
    }

    /// A technique with its hyper-parameters.
    static func settings(of technique: any Technique) -> String {
        let fields = Mirror(reflecting: technique).children.compactMap { child -> String? in
            guard let label = child.label, label != "name" else { return nil }
            let mirror = Mirror(reflecting: child.value)
            guard mirror.displayStyle != .optional || mirror.children.first != nil else { return nil }
            let value = mirror.displayStyle == .optional ? mirror.children.first?.value ?? child.value : child.value
            return "\(label): \(value)"
        }
        let type = String(String(describing: type(of: technique)).prefix { $0 != "<" })
        return fields.isEmpty ? type : "\(type)(\(fields.joined(separator: ", ")))"
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
                if !entry.sites.isEmpty { lines.append("     at: \(entry.sites.joined(separator: ", "))") }
                if !entry.parameters.isEmpty {
                    lines.append(
                        "     on: \(entry.parameterCount) numbers in \(entry.parameters.joined(separator: ", "))")
                }
            }
        }
        lines.append("\(parameterCount) trained numbers in all")
        return (lines + warnings).joined(separator: "\n")
    }
}

extension Trainer {
    /// What a run on this data will do, found by a first pass with its first batch; nothing is trained.
    ///
    /// - Throws: ``CompositionError`` if the composition has mistakes.
    public func plan(for data: Dataset, validation: Dataset? = nil, epochs: Int? = nil) throws -> Plan {
        guard data.count > 0 else { throw DataError("the data has no samples") }
        return try plan(
            input: data.batch(data.order, 0..<min(data.count, batchSize)).input, hasValidation: validation != nil,
            epochs: epochs, sampleCount: data.count)
    }

    /// What a run on inputs of a shape will do; nothing is trained.
    ///
    /// - Parameter inputShape: the shape of one input, without the batch.
    public func plan(inputShape: Shape, hasValidation: Bool = true, epochs: Int? = nil) throws -> Plan {
        try plan(
            input: .zeros(Shape([1] + inputShape.dimensions)), hasValidation: hasValidation, epochs: epochs,
            sampleCount: nil)
    }

    private func plan(input: Tensor, hasValidation: Bool, epochs: Int?, sampleCount: Int?) throws -> Plan {
        let runner = ModelRunner(model, composition: composition, seed: 0, store: VariableStore())
        runner.declare(with: input)
        let composer = Composer(
            self, runner, hasValidation: hasValidation, epochs: epochs, sampleCount: sampleCount)
        let findings = try composer.check()
        return Plan(self, runner, setting: composer.setting, findings: findings)
    }
}
