import Foundation
import Synchronization
import Testing

/// An article of the documentation, whose blocks of output are compared with what programs print.
///
/// A block follows the line `<!-- output: NAME -->`. With `BALLAST_UPDATE=1` in the environment the tests write the
/// blocks instead of comparing them: `BALLAST_UPDATE=1 swift test --filter DocumentationTests`.
struct Article {
    /// The repository's top level.
    static let root = URL(filePath: #filePath).appending(path: "../../..").standardized
    /// Tests run in parallel, and several may update one article.
    private static let updates = Mutex(())

    let name: String

    init(_ name: String) { self.name = name }

    private var file: URL { Self.root.appending(path: "Sources/Ballast/Ballast.docc/\(name).md") }

    /// Expects a block of the article to be what a program has printed.
    func expect(_ block: String, shows output: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        try Self.updates.withLock { _ in
            let text = try String(contentsOf: file, encoding: .utf8)
            let start = "<!-- output: \(block) -->\n```\n"
            guard let head = text.range(of: start),
                let end = text.range(of: "\n```\n", range: head.upperBound..<text.endIndex)
            else {
                Issue.record("\(name).md has no block \(start)", sourceLocation: sourceLocation)
                return
            }
            let shown = text[head.upperBound..<end.lowerBound]
            guard shown != output else { return }
            if ProcessInfo.processInfo.environment["BALLAST_UPDATE"] == "1" {
                let updated = text.replacingCharacters(in: head.upperBound..<end.lowerBound, with: output)
                try updated.write(to: file, atomically: true, encoding: .utf8)
            } else {
                Issue.record(
                    """
                    \(name).md, block "\(block)" shows
                    \(shown)
                    but the program prints
                    \(output)
                    If this is right, update the articles: BALLAST_UPDATE=1 swift test --filter DocumentationTests
                    """, sourceLocation: sourceLocation)
            }
        }
    }

    /// Expects the article to contain some words.
    func expect(mentions words: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let text = try String(contentsOf: file, encoding: .utf8)
        #expect(text.contains(words), "\(name).md lacks \"\(words)\"", sourceLocation: sourceLocation)
    }
}

/// Replaces `print` in the code of articles, and keeps what was printed.
struct Printer {
    private(set) var lines: [String] = []

    /// What was printed by the last call.
    var last: String { lines.last ?? "" }

    mutating func callAsFunction(_ items: Any...) { lines.append(items.map { "\($0)" }.joined(separator: " ")) }
}
