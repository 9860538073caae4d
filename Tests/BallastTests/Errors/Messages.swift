import Ballast
import Foundation
import Synchronization
import Testing

/// The wording of all errors that the tests provoke, in one file.
///
/// Tests assert what a message names and what it holds; the file holds how it says so. To change wording, change it, remove
/// the file, write it anew with `BALLAST_RECORD_MESSAGES=1 swift test --filter BallastTests`, and read what `git diff` says.
enum Messages {
    static let file = URL(filePath: #filePath).appending(path: "../../Fixtures/messages.txt").standardized
    private static let isRecording = ProcessInfo.processInfo.environment["BALLAST_RECORD_MESSAGES"] != nil
    /// What the file holds, and while recording, what was seen.
    private static let known = Mutex(lines())

    private static func lines() -> Set<String> {
        Set(((try? String(contentsOf: file, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init))
    }

    /// A message in one line, without what differs from run to run.
    private static func line(_ text: String) -> String {
        text.replacing(#/[^ "]*ballast-law-[0-9A-F\-]+/#, with: "<folder>").replacing("-nan", with: "nan").replacing(
            "\n", with: "\\n")
    }

    /// Expects that the file holds a message.
    static func expect(_ text: String, sourceLocation: SourceLocation) {
        let line = line(text)
        let isKnown = known.withLock { known in
            guard isRecording, known.insert(line).inserted else { return known.contains(line) }
            try? Data((known.sorted().joined(separator: "\n") + "\n").utf8).write(to: file)
            return true
        }
        #expect(isKnown, "not in \(file.lastPathComponent): \(line)", sourceLocation: sourceLocation)
    }
}

/// The text of the error that a body throws; an issue, and no text, if it throws none of that type.
///
/// Its wording is compared with ``Messages``, but for errors of files, which say what the system says.
func message<E: Error & CustomStringConvertible>(
    of type: E.Type, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) -> String {
    do {
        try body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
        return ""
    } catch let error as E {
        if !(error is CheckpointError || error is DataFileError) {
            Messages.expect(error.description, sourceLocation: sourceLocation)
        }
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
