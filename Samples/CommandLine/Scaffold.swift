import Ballast
import Foundation

/// What `samples new-technique` is asked for.
struct ScaffoldOptions: Equatable {
    var hook = Hook.forwardWrapper
    var folder: URL?
    var ballast: URL?
}

extension Option {
    static let hook = Option(
        name: "--hook", placeholder: "HOOK",
        help: "\(Hook.allCases.map(\.rawValue).joined(separator: ", ")) (forwardWrapper)"
    ) { options, value in
        guard let hook = Hook(rawValue: value) else {
            throw UsageError(unknown: "hook", value, among: Hook.allCases.map(\.rawValue))
        }
        options.scaffold.hook = hook
    }

    static let at = Option(name: "--at", placeholder: "DIR", help: "the folder of the package (the name, here)") {
        guard !$1.isEmpty else { throw UsageError("option --at: the path is empty") }
        $0.scaffold.folder = URL(filePath: $1, directoryHint: .isDirectory)
    }

    static let ballast = Option(name: "--ballast", placeholder: "DIR", help: "where Ballast's package is (it is found)")
    {
        guard !$1.isEmpty else { throw UsageError("option --ballast: the path is empty") }
        $0.scaffold.ballast = URL(filePath: $1, directoryHint: .isDirectory)
    }
}

/// A package with a technique in it that works, to begin from.
struct Scaffold {
    let name: String
    let hook: Hook
    /// Where the package is written.
    let folder: URL
    /// Ballast's own package.
    let ballast: URL

    /// Prepares a package.
    ///
    /// - Throws: `UsageError` for a name that is none, a folder that is taken, or a Ballast that is not found.
    init(name: String, options: ScaffoldOptions) throws {
        try Scaffold.check(name: name)
        self.name = name
        hook = options.hook
        folder = (options.folder ?? URL(filePath: name, directoryHint: .isDirectory)).absoluteURL.standardizedFileURL
        ballast = try options.ballast.map(Scaffold.checked) ?? Scaffold.ballastFolder()
        let found = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        guard found.isEmpty, !Scaffold.isFile(folder) else {
            throw UsageError("\(folder.path) is there already and not empty; choose another folder with --at DIR")
        }
    }

    static func check(name: String) throws {
        let isType = name.first?.isUppercase == true && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
        guard isType else {
            throw UsageError(
                "\"\(name)\" cannot name a type: it must begin with a capital and have letters and digits only, as WeightNoise has"
            )
        }
        let taken = [
            "Ballast", "Tensor", "Scope", "Batch", "Run", "Trainer", "Layer", "Hook", "Site", "Technique", "Laws",
        ]
        guard !taken.contains(name) else { throw UsageError("\"\(name)\" is a type of Ballast; choose another name") }
    }

    private static func isFile(_ url: URL) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) && !isFolder.boolValue
    }

    private static func checked(_ folder: URL) throws -> URL {
        let folder = folder.absoluteURL.standardizedFileURL
        guard isBallast(folder) else { throw UsageError("option --ballast: there is no Ballast in \(folder.path)") }
        return folder
    }

    private static func isBallast(_ folder: URL) -> Bool {
        FileManager.default.fileExists(atPath: folder.appending(path: "Sources/BallastTesting").path)
            && FileManager.default.fileExists(atPath: folder.appending(path: "Package.swift").path)
    }

    /// The package that this program was built from: above the working folder, or above this source.
    private static func ballastFolder() throws -> URL {
        for start in [FileManager.default.currentDirectoryPath, #filePath] {
            var folder = URL(filePath: start).standardizedFileURL
            while folder.path != "/" {
                if isBallast(folder) { return folder }
                folder.deleteLastPathComponent()
            }
        }
        throw UsageError("Ballast's package is not found; say where it is with --ballast DIR")
    }

    /// Writes the package, and returns what to do next.
    func write() throws -> String {
        let files: [(path: String, text: String)] = [
            ("Package.swift", manifest), (".gitignore", ".build/\n"), ("README.md", guide),
            ("Sources/\(name).swift", source), ("Tests/\(name)Tests.swift", test), ("Sample/Sample.swift", sample),
        ]
        for (path, text) in files {
            let file = folder.appending(path: path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        return """
            \(folder.path)
            \(files.map { "  " + $0.path }.joined(separator: "\n"))

            Next:
              cd \(folder.path)
              swift test          the laws, on \(name)
              swift run sample    a training with it and without
            """
    }

    /// Ballast's folder as the package's manifest says it: relative, so that both may move together.
    var ballastPath: String {
        let (from, to) = (folder.pathComponents, ballast.pathComponents)
        let common = zip(from, to).prefix { $0 == $1 }.count
        guard common > 1 else { return ballast.path }
        return (Array(repeating: "..", count: from.count - common) + to[common...]).joined(separator: "/")
    }
}
