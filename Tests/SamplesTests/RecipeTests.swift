import Testing

/// The recipes of the samples are what the diagnostics ask for: where one is not, the sample means it, and says so.
@Suite struct RecipeTests {
    @Test func `composing a sample finds nothing that the sample does not mean`() throws {
        try Program.inFolder { program in
            let list = try program.run("list").output
            let samples = list.split(separator: "\n").compactMap { $0.split(separator: " ").first }
            #expect(samples.contains("fashion-mnist") && samples.count >= 3, "\(list)")
            for sample in samples {
                let outcome = try program.run("plan \(sample)")
                #expect(outcome.code == 0, "\(sample): \(outcome.errors)")
                #expect(outcome.output.contains("trained numbers in all"), "\(sample)")
                let warnings = outcome.output.split(separator: "\n").filter { $0.contains("warning [") }
                #expect(warnings.isEmpty, "\(sample): \(warnings)")
            }
        }
    }
}
