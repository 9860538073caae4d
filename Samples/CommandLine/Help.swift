/// What the program says of itself.
enum Help {
    private static let summaries: [(command: Command, text: String)] = [
        (.tour, "the tour: every sample at its quick size"),
        (.list, "the samples, a line each"),
        (.run, "runs a sample: compares its compositions on the same data, seeds and initial parameters"),
        (.plan, "what a sample would run, at each hook, in order; nothing is trained"),
        (.ablate, "what each technique of a composition is worth: without it, over 5 seeds or N, paired"),
        (.effects, "whether the samples show what the field knows, at full size over 5 seeds or N; code 1 if not"),
        (.fetch, "downloads Fashion-MNIST (31 MB); without it, drawn glyphs stand in"),
        (.newTechnique, "writes a package with a technique of one's own to begin from: source, laws, guide and sample"),
        (.help, "this page, or the options of a command"),
    ]

    /// The page of the program, or that of a command.
    static func text(about command: String?) -> String {
        guard let command = command.flatMap({ Command(rawValue: $0) }), command != .tour else {
            return """
                Experiments with regularization.

                \(columns(summaries.map { ($0.command.usage, $0.text) }))

                Options of samples run:
                \(columns(Command.run.options.map { ($0.usage, $0.help) }))

                The tour takes \(Command.tour.options.map(\.usage).joined(separator: ", ")).
                Ctrl-C ends a run after its epoch, with everything saved; a second one ends it after its step.
                BALLAST_THREADS=N and BALLAST_KERNELS=baseline|avx2|avx512 choose threads and instructions.
                """
        }
        let summary = summaries.first { $0.command == command }?.text ?? ""
        let options = command.options.isEmpty ? "" : "\n\n" + columns(command.options.map { ($0.usage, $0.help) })
        let names = [.run, .plan, .ablate, .effects].contains(command) ? "\n\nSamples:\n" + samples : ""
        return columns([(command.usage, summary)]) + options + names
    }

    /// The samples, a line each.
    static var samples: String { columns(Sample.all.map { ($0.name, $0.summary) }) }

    private static func columns(_ rows: [(String, String)]) -> String {
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { "  \($0.0)\(String(repeating: " ", count: width - $0.0.count))  \($0.1)" }.joined(
            separator: "\n")
    }
}
