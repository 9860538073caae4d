import Testing

/// The text of the error that a body throws; an issue, and no text, if it throws none of that type.
func message<E: Error & CustomStringConvertible>(
    of type: E.Type, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) -> String {
    do {
        try body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
        return ""
    } catch let error as E {
        return error.description
    } catch {
        Issue.record("another error was thrown: \(error)", sourceLocation: sourceLocation)
        return ""
    }
}

/// Expects that a text holds all of some parts.
func expect(_ text: String, holds parts: String..., sourceLocation: SourceLocation = #_sourceLocation) {
    for part in parts where !text.contains(part) {
        Issue.record("\"\(part)\" is missing in: \(text)", sourceLocation: sourceLocation)
    }
}
