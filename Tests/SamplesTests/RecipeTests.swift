import Testing

/// The recipes of the samples are what the diagnostics ask for: where one is not, the sample means it, and says so.
@Suite struct RecipeTests {
    @Test(arguments: ["fashion-mnist", "noisy-line", "weight-decay"])
    func `composing a sample finds nothing that the sample does not mean`(sample: String) throws {
        try Program.inFolder { program in
            let outcome = try program.run("plan \(sample)")
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("trained numbers in all"))
            #expect(!outcome.output.contains("warning ["), "\(outcome.output)")
        }
    }
}
