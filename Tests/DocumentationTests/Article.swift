import Foundation
import Testing

/// An article of the documentation, to see that it shows what programs print.
struct Article {
    /// The repository's top level.
    static let root = URL(filePath: #filePath).appending(path: "../../..").standardized

    let name: String

    init(_ name: String) { self.name = name }

    private var text: String {
        get throws {
            let file = Self.root.appending(path: "Sources/Ballast/Ballast.docc/\(name).md")
            return try String(contentsOf: file, encoding: .utf8)
        }
    }

    /// Expects a block of the article to be what a program has printed.
    func expect(shows output: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        #expect(
            try text.contains("\n```\n\(output)\n```\n"), "\(name).md does not show this output:\n\(output)",
            sourceLocation: sourceLocation)
    }

    /// Expects the article to contain some words.
    func expect(mentions words: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        #expect(try text.contains(words), "\(name).md lacks \"\(words)\"", sourceLocation: sourceLocation)
    }
}

/// Stands in for `print` in the code of articles, and keeps what was printed.
struct Printer {
    private(set) var lines: [String] = []

    /// What was printed by the last call.
    var last: String { lines.last ?? "" }

    mutating func callAsFunction(_ items: Any...) { lines.append(items.map { "\($0)" }.joined(separator: " ")) }
}
