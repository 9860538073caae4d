import Foundation

/// What options of the command line ask for.
struct RunOptions: Equatable {
    var isQuick = false
    var epochs: Int?
    var seed: UInt64 = 0
    var seedCount = 1
    /// Whether the number of seeds was given.
    var hasSeedCount = false
    var threads: Int?
    /// How many runs go on side by side; nil for as many as there are threads.
    var jobs: Int?
    var dataFolder: URL?
    var jsonFile: URL?
    var checkpointFolder: URL?
    var resumes = false
    var pageFile: URL?
    /// Techniques by name: what compositions are varied by.
    var without: String?
    var only: String?
    /// The composition that is taken apart.
    var composition: String?
    var scaffold = ScaffoldOptions()

    /// The seeds to run.
    var seeds: [UInt64] { (0..<UInt64(seedCount)).map { seed + $0 } }
}

/// One option: how it is written, what it means, and what it sets.
struct Option: Sendable {
    let name: String
    /// What stands for its value in help; nil for an option without one.
    let placeholder: String?
    let help: String
    let set: @Sendable (inout RunOptions, _ value: String) throws -> Void

    /// The option with its value, as help shows it.
    var usage: String { placeholder.map { "\(name) \($0)" } ?? name }

    /// An option without a value.
    private static func flag(_ name: String, _ help: String, _ set: @escaping @Sendable (inout RunOptions) -> Void)
        -> Option
    {
        Option(name: name, placeholder: nil, help: help) { options, _ in set(&options) }
    }

    /// An option whose value is a whole number.
    private static func number<N: FixedWidthInteger & Sendable>(
        _ name: String, _ placeholder: String, in range: ClosedRange<N>, _ help: String,
        _ set: @escaping @Sendable (inout RunOptions, N) -> Void
    ) -> Option {
        Option(name: name, placeholder: placeholder, help: help) { options, value in
            guard let number = N(value), range.contains(number) else {
                throw UsageError(
                    "option \(name): \"\(value)\" is not a whole number from \(range.lowerBound) to \(range.upperBound)"
                )
            }
            set(&options, number)
        }
    }

    /// An option whose value is a name.
    private static func word(
        _ name: String, _ placeholder: String, _ help: String,
        _ set: @escaping @Sendable (inout RunOptions, String) -> Void
    ) -> Option {
        Option(name: name, placeholder: placeholder, help: help) { options, value in
            guard !value.isEmpty else { throw UsageError("option \(name): the name is empty") }
            set(&options, value)
        }
    }

    /// An option whose value is a path.
    private static func path(
        _ name: String, _ placeholder: String, isFolder: Bool, _ help: String,
        _ set: @escaping @Sendable (inout RunOptions, URL) -> Void
    ) -> Option {
        Option(name: name, placeholder: placeholder, help: help) { options, value in
            guard !value.isEmpty else { throw UsageError("option \(name): the path is empty") }
            set(&options, URL(filePath: value, directoryHint: isFolder ? .isDirectory : .notDirectory))
        }
    }

    static let quick = flag("--quick", "the small size: a look at it in seconds") { $0.isQuick = true }
    static let epochs = number("--epochs", "N", in: 1...1_000_000, "passes over the data, instead of the sample's own")
    {
        $0.epochs = $1
    }
    static let seed = number(
        "--seed", "S", in: UInt64.min...UInt64.max - 1_000_000, "what initial parameters, order and noise depend on (0)"
    ) { $0.seed = $1 }
    static let seeds = number("--seeds", "N", in: 1...10_000, "run with N seeds, from S on; the table shows means") {
        $0.seedCount = $1
        $0.hasSeedCount = true
    }
    static let threads = number("--threads", "T", in: 1...64, "threads to compute with (every processor)") {
        $0.threads = $1
    }
    static let jobs = number(
        "--jobs", "N", in: 1...64, "runs side by side, which share the threads (as many as threads)"
    ) { $0.jobs = $1 }
    static let data = path("--data", "DIR", isFolder: true, "the folder with the files of Fashion-MNIST") {
        $0.dataFolder = $1
    }
    static let page = path("--page", "FILE", isFolder: false, "write the page to FILE (runs/NAME.html)") {
        $0.pageFile = $1
    }
    static let without = word("--without", "TECHNIQUE", "leave the technique of that name out of every composition") {
        $0.without = $1
    }
    static let only = word("--only", "TECHNIQUE", "keep only the technique of that name in compositions that have it") {
        $0.only = $1
    }
    static let composition = word("--composition", "C", "the composition to take apart, as samples run names it") {
        $0.composition = $1
    }
    static let json = path("--json", "FILE", isFolder: false, "write every epoch and result to FILE, an object a line")
    {
        $0.jsonFile = $1
    }
    static let checkpoint = path("--checkpoint", "DIR", isFolder: true, "save every run in DIR as it goes") {
        $0.checkpointFolder = $1
    }
    static let resume = flag("--resume", "go on with what --checkpoint DIR holds") { $0.resumes = true }
}
