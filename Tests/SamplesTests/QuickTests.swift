import Foundation
import Testing

/// The four programs to copy, run as a user runs them.
@Suite struct QuickTests {
    /// The number at the end of the line that starts with a text.
    private func number(_ start: String, in output: String) throws -> Double {
        let line = try #require(output.split(separator: "\n").first { $0.hasPrefix(start) }, "\(output)")
        return try #require(line.split(separator: " ").last.flatMap { Double($0) }, "\(line)")
    }

    private func output(_ program: String, _ line: String = "") throws -> String {
        var output = ""
        try Program.inFolder { folder in
            let outcome = try Program(name: program, folder: folder.folder).run(line)
            #expect(outcome.code == 0, "\(outcome.errors)")
            output = outcome.output
        }
        return output
    }

    @Test func `quick-train learns two spirals, under the techniques that its plan lists`() throws {
        let output = try output("quick-train")
        #expect(try number("accuracy on new points", in: output) > 0.9)
        for technique in ["L2(", "Dropout(", "EarlyStopping("] { #expect(output.contains("1. \(technique)")) }
    }

    @Test func `quick-technique trains with and without its technique, and the two differ`() throws {
        let output = try output("quick-technique")
        let (without, with) = (try number("without noise", in: output), try number("with noise", in: output))
        #expect(without < 0.1 && with < 0.1 && without != with)
    }

    @Test func `quick-csv classifies the rows of its own file, and of one that it is given`() throws {
        #expect(try number("accuracy on", in: output("quick-csv")) > 0.9)
        try Program.inFolder { folder in
            // The label is whether a number is positive.
            let rows = (0..<80).map { "\($0 - 40),\($0 % 7),\($0 < 40 ? "no" : "yes")" }
            try (["a,b,positive"] + rows).joined(separator: "\n").write(
                to: folder.folder.appending(path: "own.csv"), atomically: true, encoding: .utf8)
            let outcome = try Program(name: "quick-csv", folder: folder.folder).run("own.csv positive")
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("80 rows of a, b"))
            #expect(try number("accuracy on", in: outcome.output) > 0.9)
        }
    }

    @Test func `quick-resume arrives at the same bits, and its model predicts the absolute value`() throws {
        let output = try output("quick-resume")
        #expect(output.contains("never stopped: true"), "\(output)")
        let line = try #require(output.split(separator: "\n").first { $0.hasPrefix("predictions") })
        let predictions = line.matches(of: /-?\d+\.\d+/).compactMap { Double($0.output) }.suffix(3)
        #expect(predictions.count == 3)
        for (prediction, expected) in zip(predictions, [2, 0.5, 1]) { #expect(abs(prediction - expected) < 0.5) }
    }
}
