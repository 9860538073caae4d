/// Something that is wrong, or unwise, in a composition, found before the first step.
public struct Diagnostic: Sendable, Hashable, Codable, CustomStringConvertible {
    /// How serious it is.
    public enum Severity: String, Sendable, Codable {
        /// The run is refused.
        case error
        /// The run continues, and says so.
        case warning
    }

    /// How serious it is.
    public let severity: Severity
    /// What kind of diagnostic it is, such as `adaptive-l2`; warnings are silenced by it.
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
    public let suggestion: String

    /// Creates a diagnostic.
    ///
    /// - Parameters:
    ///   - severity: whether the run is refused or continues.
    ///   - identifier: what kind of diagnostic it is, by which warnings are silenced; words joined by hyphens.
    ///   - technique: the name of the technique that it concerns.
    ///   - message: what was found, and where.
    ///   - reason: why it matters; nil where the message says it all.
    ///   - source: where to read about it.
    ///   - suggestion: what to do.
    public init(
        _ severity: Severity, _ identifier: String, technique: String, message: String, reason: String? = nil,
        source: String? = nil, suggestion: String
    ) {
        self.severity = severity
        self.identifier = identifier
        self.technique = technique
        self.message = message
        self.reason = reason
        self.source = source
        self.suggestion = suggestion
    }

    /// The diagnostic in a few lines.
    public var description: String {
        var lines = ["\(severity.rawValue) [\(identifier)] \(technique): \(message)"]
        if let reason { lines.append("    why: \(reason)") }
        if let source { lines.append("    see: \(source)") }
        lines.append("    fix: \(suggestion)")
        if severity == .warning { lines.append("    silence: silencing: [\"\(identifier)\"]") }
        return lines.joined(separator: "\n")
    }
}

/// All errors that composing found, in one message.
public struct CompositionError: Error, CustomStringConvertible {
    /// What was found, warnings included.
    public let diagnostics: [Diagnostic]

    /// The diagnostics, one after the other.
    public var description: String {
        let errors = diagnostics.filter { $0.severity == .error }.count
        let head = errors == 1 ? "the composition has a mistake:" : "the composition has \(errors) mistakes:"
        return ([head] + diagnostics.map(\.description)).joined(separator: "\n")
    }
}
