import BallastPlugins

extension Diagnostic {
    /// The description; on a terminal with the severity highlighted and the labels dimmed.
    func text(inColor isColored: Bool) -> String {
        guard isColored else { return description }
        var lines = description.split(separator: "\n").map(String.init)
        let color = severity == .error ? "\u{1B}[1;31m" : "\u{1B}[1;33m"
        lines[0] = lines[0].replacing(
            severity.rawValue, with: "\(color)\(severity.rawValue)\u{1B}[0m", maxReplacements: 1)
        for index in lines.indices.dropFirst() {
            guard let colon = lines[index].firstIndex(of: ":") else { continue }
            lines[index].insert(contentsOf: "\u{1B}[0m", at: lines[index].index(after: colon))
            lines[index] = "\u{1B}[2m" + lines[index]
        }
        return lines.joined(separator: "\n")
    }
}

extension CompositionError {
    /// The message, with its diagnostics in color on a terminal.
    func text(inColor isColored: Bool) -> String {
        let head = description.prefix { $0 != "\n" }
        return ([String(head)] + diagnostics.map { $0.text(inColor: isColored) }).joined(separator: "\n")
    }
}
