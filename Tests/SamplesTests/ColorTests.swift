import BallastPlugins
import Testing

@testable import samples

/// Diagnostics on a terminal and in a pipe.
struct ColorTests {
    private let diagnostic = Diagnostic(
        .warning, "adaptive-l2", technique: "L2", message: "shrinks", reason: "it divides", source: "a paper, 2019",
        suggestion: "another")

    @Test func `colors change nothing but how a diagnostic looks`() {
        let colored = diagnostic.text(inColor: true)
        #expect(diagnostic.text(inColor: false) == diagnostic.description)
        #expect(colored.contains("\u{1B}[1;33mwarning\u{1B}[0m [adaptive-l2] L2: shrinks"))
        #expect(colored.replacing(/\u{1B}\[[0-9;]*m/, with: "") == diagnostic.description)
    }

    @Test func `a pipe gets no colors, whatever the terminal is called`() throws {
        try Program.inFolder { program in
            let outcome = try program.run("run noisy-line --epochs 3", environment: ["TERM": "xterm-256color"])
            #expect(outcome.output.contains("warning [patience-longer-than-run] EarlyStopping"), "\(outcome)")
            #expect(!(outcome.output + outcome.errors).contains("\u{1B}"), "\(outcome)")
        }
    }
}
