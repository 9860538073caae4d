/// The help pages.
enum Help {
    private static let summaries: [(command: Command, text: String)] = [
        (.tour, "runs every sample at its quick size"),
        (.list, "lists the samples"),
        (.run, "runs a sample: compares its compositions on the same data, seeds and initial parameters"),
        (.plan, "shows what a sample would run, at each hook, in order; trains nothing"),
        (.ablate, "measures what each technique of a composition contributes: trains without it, with 5 or N seeds"),
        (
            .effects,
            "checks the effects that the literature reports, at full size with 5 or N seeds; exit code 1 if one is missing"
        ),
        (.fetch, "downloads Fashion-MNIST (31 MB); without it, samples use generated glyphs"),
        (.newTechnique, "writes a package for your own technique: source, test, guide and sample"),
        (.help, "shows this help, or that of a command"),
    ]

    /// The page of the program, or that of a command.
    static func text(about command: String?) -> String {
        guard let command = command.flatMap({ Command(rawValue: $0) }), command != .tour else {
            return """
                Experiments with regularization.

                Usage: samples [COMMAND] [OPTIONS]

                Commands:
                \(columns(summaries.map { ($0.command.words.isEmpty ? "(none)" : $0.command.words, $0.text) }))

                Options without a command:
                \(columns(Command.tour.options.map { ($0.usage, $0.help) }))

                Environment:
                  BALLAST_THREADS=N                      threads to compute with
                  BALLAST_KERNELS=baseline|avx2|avx512   instruction set to use

                samples help COMMAND shows the options of a command. Ctrl-C ends a run after its epoch, with everything
                saved; a second Ctrl-C ends it after its step.
                """
        }
        let summary = summaries.first { $0.command == command }?.text ?? ""
        let title = summary.prefix(1).uppercased() + summary.dropFirst() + "."
        let hasOptions = !command.options.isEmpty
        let options = hasOptions ? "\n\nOptions:\n" + columns(command.options.map { ($0.usage, $0.help) }) : ""
        let names = [.run, .plan, .ablate, .effects].contains(command) ? "\n\nSamples:\n" + samples : ""
        return title + "\n\nUsage: \(command.usage)\(hasOptions ? " [OPTIONS]" : "")" + options + names
    }

    /// The samples, one line each.
    static var samples: String { columns(Sample.all.map { ($0.name, $0.summary) }) }

    private static func columns(_ rows: [(String, String)]) -> String {
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { "  \($0.0)\(String(repeating: " ", count: width - $0.0.count))  \($0.1)" }.joined(
            separator: "\n")
    }
}
