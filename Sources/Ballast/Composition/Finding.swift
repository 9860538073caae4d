public import Tensors

/// Something that is wrong, or unwise, in a composition, found before the first step.
public struct Finding: Sendable, Hashable, CustomStringConvertible {
    /// How grave it is.
    public enum Severity: String, Sendable, Codable {
        /// The run is refused.
        case error
        /// The run goes on, and says so.
        case warning
    }

    /// How grave it is.
    public let severity: Severity
    /// What kind of finding this is, such as `adaptive-l2`; warnings are silenced by it.
    public let identifier: String
    /// The name of the technique that it concerns.
    public let technique: String
    /// What was found, and where.
    public let message: String
    /// Why it matters; nil where the message says it all.
    public let reason: String?
    /// Where to read about it.
    public let source: String?
    /// What to do.
    public let cure: String

    /// Creates a finding.
    public init(
        _ severity: Severity, _ identifier: String, technique: String, message: String, reason: String? = nil,
        source: String? = nil, cure: String
    ) {
        self.severity = severity
        self.identifier = identifier
        self.technique = technique
        self.message = message
        self.reason = reason
        self.source = source
        self.cure = cure
    }

    /// The finding in a few lines.
    public var description: String {
        var lines = ["\(severity.rawValue) [\(identifier)] \(technique): \(message)"]
        if let reason { lines.append("    why: \(reason)") }
        if let source { lines.append("    see: \(source)") }
        lines.append("    cure: \(cure)")
        if severity == .warning { lines.append("    silence: silencing: [\"\(identifier)\"]") }
        return lines.joined(separator: "\n")
    }
}

/// All errors that composing found, in one message.
public struct CompositionError: Error, CustomStringConvertible {
    /// What was found, warnings included.
    public let findings: [Finding]

    /// The findings, one after the other.
    public var description: String {
        let errors = findings.filter { $0.severity == .error }.count
        let head = errors == 1 ? "the composition has a mistake:" : "the composition has \(errors) mistakes:"
        return ([head] + findings.map(\.description)).joined(separator: "\n")
    }
}

/// What a technique may know of the run it is composed into, to check it.
public struct CompositionSetting: Sendable {
    /// A parameter of the model or of a technique.
    public struct ParameterDescription: Sendable, Hashable {
        /// Its path.
        public let path: String
        /// What it is for.
        public let role: ParameterRole
        /// Its shape.
        public let shape: Shape
    }

    /// A layer of the model.
    public struct LayerDescription: Sendable, Hashable {
        /// Its path.
        public let path: String
        /// Its kind.
        public let kind: String
    }

    /// A technique at a site, in the order in which data flows through the model.
    public struct SiteDescription: Sendable, Hashable {
        /// The technique's name.
        public let technique: String
        /// The layer's path; empty for the model as a whole.
        public let layer: String
        /// Where it stands with respect to the layer.
        public let position: Site.Position
    }

    /// All techniques, in order.
    public let techniques: [any Technique]
    /// The optimizer.
    public let optimizer: any Optimizer
    /// Whether there is data for validation.
    public let hasValidation: Bool
    /// The number of epochs; nil where it is not known.
    public let epochs: Int?
    /// The size of a batch.
    public let batchSize: Int
    /// The names of the metrics that validation gives, the loss's included.
    public let metrics: [String]
    /// The parameters.
    public let parameters: [ParameterDescription]
    /// The shape of one input of the model, without the batch.
    public let inputShape: Shape
    /// What inputs are made of: numbers, or tokens.
    public let inputType: ScalarType
    /// The layers, in the order in which they run.
    public let layers: [LayerDescription]
    /// Where wrappers act.
    public let sites: [SiteDescription]
}
