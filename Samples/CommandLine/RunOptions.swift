import Foundation

/// The options of the command line.
struct RunOptions: Equatable {
    var isQuick = false
    var epochs: Int?
    var seed: UInt64 = 0
    var seedCount = 1
    /// Whether the number of seeds was given.
    var hasSeedCount = false
    var threads: Int?
    /// How many runs are executed in parallel; nil for as many as there are threads.
    var jobs: Int?
    var dataFolder: URL?
    var jsonFile: URL?
    var checkpointFolder: URL?
    var resumes = false
    var pageFile: URL?
    /// The technique to leave out of compositions, or to keep alone, by name.
    var without: String?
    var only: String?
    /// The composition to ablate.
    var composition: String?
    var scaffold = ScaffoldOptions()

    /// The seeds to run.
    var seeds: [UInt64] { (0..<UInt64(seedCount)).map { seed + $0 } }
}

/// An option: its name, its help, and what it sets.
struct Option: Sendable {
    let name: String
    /// The placeholder of its value in help; nil for an option without a value.
    let placeholder: String?
    let help: String
    let set: @Sendable (inout RunOptions, _ value: String) throws -> Void

    /// The option with its placeholder.
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

    static let quick = flag("--quick", "use the small size, which takes seconds") { $0.isQuick = true }
    static let epochs = number("--epochs", "N", in: 1...1_000_000, "number of epochs (default: the sample's own)") {
        $0.epochs = $1
    }
    static let seed = number(
        "--seed", "S", in: UInt64.min...UInt64.max - 1_000_000, "random seed (default: 0)"
    ) { $0.seed = $1 }
    static let seeds = number(
        "--seeds", "N", in: 1...10_000,
        "number of seeds, from S on; tables show means (default: 1, or 5 for ablate and effects)"
    ) {
        $0.seedCount = $1
        $0.hasSeedCount = true
    }
    static let threads = number("--threads", "T", in: 1...64, "threads to compute with (default: one per processor)") {
        $0.threads = $1
    }
    static let jobs = number(
        "--jobs", "N", in: 1...64, "runs in parallel, which share the threads (default: as many as threads)"
    ) { $0.jobs = $1 }
    static let data = path(
        "--data", "DIR", isFolder: true, "folder with the files of Fashion-MNIST (default: auto-detected)"
    ) {
        $0.dataFolder = $1
    }
    static let page = path("--page", "FILE", isFolder: false, "write the page to FILE (default: runs/NAME.html)") {
        $0.pageFile = $1
    }
    static let without = word("--without", "TECHNIQUE", "leave the technique out of every composition") {
        $0.without = $1
    }
    static let only = word("--only", "TECHNIQUE", "keep only the technique in the compositions that have it") {
        $0.only = $1
    }
    static let composition = word("--composition", "C", "composition to ablate, as named by samples run") {
        $0.composition = $1
    }
    static let json = path(
        "--json", "FILE", isFolder: false, "write every epoch and result to FILE, one JSON object per line"
    ) {
        $0.jsonFile = $1
    }
    static let checkpoint = path("--checkpoint", "DIR", isFolder: true, "save every run in DIR (default: not saved)") {
        $0.checkpointFolder = $1
    }
    static let resume = flag("--resume", "resume the runs that --checkpoint DIR has saved") { $0.resumes = true }
}
