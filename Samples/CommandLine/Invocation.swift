/// The commands; the tour has no name.
enum Command: String, CaseIterable {
    case tour = ""
    case list
    case run
    case plan
    case ablate
    case effects
    case fetch
    case newTechnique = "new-technique"
    case help

    /// The options that the command takes, in the order of help.
    var options: [Option] {
        switch self {
        case .tour: [.seed, .seeds, .jobs, .threads, .data, .page, .json]
        case .run:
            [
                .quick, .epochs, .seed, .seeds, .jobs, .threads, .data, .without, .only, .page, .json, .checkpoint,
                .resume,
            ]
        case .plan: [.data]
        case .ablate:
            [
                .composition, .quick, .epochs, .seed, .seeds, .jobs, .threads, .data, .page, .json, .checkpoint,
                .resume,
            ]
        case .effects: [.epochs, .seed, .seeds, .jobs, .threads, .data, .json]
        case .newTechnique: [.hook, .at, .ballast]
        case .list, .fetch, .help: []
        }
    }

    /// The placeholder of the command's argument; nil if it takes none.
    var placeholder: String? {
        switch self {
        case .run, .plan, .ablate, .newTechnique: "NAME"
        case .effects: "[NAME]"
        case .fetch: "fashion-mnist"
        case .help: "[COMMAND]"
        case .tour, .list: nil
        }
    }

    /// The command and its argument.
    var words: String { [rawValue, placeholder ?? ""].filter { !$0.isEmpty }.joined(separator: " ") }

    /// The command line.
    var usage: String { words.isEmpty ? "samples" : "samples \(words)" }

    static var names: [String] { allCases.map(\.rawValue).filter { !$0.isEmpty } }
}

/// A parsed command line.
struct Invocation: Equatable {
    var command: Command
    /// The command's argument: the name of a sample, a data set or a command.
    var operand: String?
    var options = RunOptions()
    /// The arguments as given.
    let arguments: [String]

    static func == (first: Invocation, second: Invocation) -> Bool { first.arguments == second.arguments }

    /// Parses the arguments of the command line, without the program's name.
    ///
    /// - Throws: `UsageError` for invalid arguments.
    init(_ arguments: [String]) throws {
        self.arguments = arguments
        var rest = arguments[...]
        command = .tour
        if let word = rest.first, !word.hasPrefix("-") {
            guard let named = Command(rawValue: word), !word.isEmpty else { throw Invocation.unknownCommand(word) }
            command = named
            rest.removeFirst()
        }
        if rest.contains("--help") || rest.contains("-h") {
            operand = command == .help ? nil : command.rawValue
            command = .help
            return
        }
        try readOptions(rest)
        try check()
    }

    private static func unknownCommand(_ word: String) -> UsageError {
        if Sample.all.contains(where: { $0.name == word }) {
            return UsageError("\"\(word)\" is a sample, not a command; did you mean samples run \(word)?")
        }
        return UsageError(unknown: "command", word, among: Command.names)
    }

    private mutating func readOptions(_ arguments: ArraySlice<String>) throws {
        var rest = arguments
        var seen: Set<String> = []
        while let word = rest.popFirst() {
            guard word.hasPrefix("-") else {
                try setOperand(word)
                continue
            }
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let option = command.options.first(where: { $0.name == parts[0] }) else {
                throw unknownOption(parts[0])
            }
            guard seen.insert(option.name).inserted else { throw UsageError("duplicate option \(option.name)") }
            if option.placeholder == nil {
                guard parts.count == 1 else {
                    throw UsageError("option \(option.name) takes no value: unexpected \"\(parts[1])\"")
                }
                try option.set(&options, "")
            } else if parts.count == 2 {
                try option.set(&options, parts[1])
            } else {
                guard let value = rest.first, !value.hasPrefix("--") else {
                    throw UsageError("option \(option.name) needs a value: \(option.usage), \(option.help)")
                }
                rest.removeFirst()
                try option.set(&options, value)
            }
        }
    }

    private mutating func setOperand(_ word: String) throws {
        guard command.placeholder != nil, operand == nil else {
            throw UsageError("unexpected argument \"\(word)\". Usage: \(command.usage)")
        }
        operand = word
    }

    private func unknownOption(_ name: String) -> UsageError {
        let mine = command.options
        if mine.isEmpty { return UsageError("unexpected option \(name): \(command.usage) takes no options") }
        if let other = Command.allCases.first(where: { $0.options.contains { $0.name == name } }) {
            return UsageError(
                "option \(name) is for \(other.usage). Options of \(command.usage): \(mine.map(\.usage).joined(separator: ", "))"
            )
        }
        return UsageError(unknown: "option", name, among: mine.map(\.name), listed: mine.map(\.usage))
    }

    private func checkData(_ sample: Sample) throws {
        if options.dataFolder != nil, !sample.readsFashionMNIST {
            throw UsageError("option --data: the sample \(sample.name) generates its data; omit --data")
        }
    }

    private func checkVariation() throws {
        if options.without != nil, options.only != nil {
            throw UsageError("options --without and --only exclude each other: give one of them")
        }
        guard command == .ablate else { return }
        guard options.composition != nil else {
            throw UsageError("samples ablate NAME needs --composition C, the composition to ablate")
        }
        if options.seedCount == 1, options.hasSeedCount {
            throw UsageError("option --seeds: confidence intervals need at least 2 seeds")
        }
    }

    /// Checks that the arguments are complete and compatible.
    private func check() throws {
        switch command {
        case .run, .plan, .ablate:
            guard let operand else {
                throw UsageError(
                    "\(command.usage) needs the name of a sample: \(Sample.all.map(\.name).joined(separator: ", "))")
            }
            try checkData(try Sample.named(operand))
            try checkVariation()
        case .effects:
            if let operand { try checkData(try Sample.named(operand)) }
        case .fetch:
            guard let operand else { throw UsageError("samples fetch needs the name of a data set: fashion-mnist") }
            guard operand == "fashion-mnist" else {
                throw UsageError(unknown: "data set", operand, among: ["fashion-mnist"])
            }
        case .newTechnique:
            guard let operand else {
                throw UsageError("samples new-technique needs the name of the type to write, such as WeightNoise")
            }
            try Scaffold.check(name: operand)
        case .help:
            if let operand, !Command.names.contains(operand) { throw Invocation.unknownCommand(operand) }
        case .tour, .list:
            break
        }
        if options.resumes, options.checkpointFolder == nil {
            throw UsageError("option --resume needs --checkpoint DIR, the folder in which the runs were saved")
        }
    }
}
