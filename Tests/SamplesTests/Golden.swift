import Foundation
import Testing

/// The files in `Tests/Golden`: what the program prints, and the one place that asserts its wording.
///
/// `BALLAST_UPDATE=1 swift test --filter SamplesTests` writes the files instead of comparing them.
enum Golden {
    private static let folder = URL(filePath: #filePath).appending(path: "../../Golden").standardized

    /// Expects a text to be the content of a file.
    static func expect(_ text: String, is name: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let file = folder.appending(path: name)
        let text = text.hasSuffix("\n") ? text : text + "\n"
        if ProcessInfo.processInfo.environment["BALLAST_UPDATE"] == "1" {
            try text.write(to: file, atomically: true, encoding: .utf8)
            return
        }
        let expected = try String(contentsOf: file, encoding: .utf8)
        guard text != expected else { return }
        let lines = zip(
            expected.split(separator: "\n", omittingEmptySubsequences: false),
            text.split(separator: "\n", omittingEmptySubsequences: false))
        let difference = lines.first { $0 != $1 }.map { "\"\($0)\" is now \"\($1)\"" } ?? "the number of lines"
        Issue.record(
            """
            \(name) differs: \(difference).
            If this is right, update the files: BALLAST_UPDATE=1 swift test --filter SamplesTests
            """, sourceLocation: sourceLocation)
    }
}
