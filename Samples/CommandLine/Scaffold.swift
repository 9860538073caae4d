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
        try Scaffold.check(name: name, beside: ballast)
        let found = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        guard found.isEmpty, !Scaffold.isFile(folder) else {
            throw UsageError("\(folder.path) is there already and not empty; choose another folder with --at DIR")
        }
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
    ///
    /// - Throws: `UsageError` if the folder cannot be written.
    func write() throws -> String {
        // The folder first: where it really is, and so the way to Ballast, is known once it is there.
        try write { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
        let files: [(path: String, text: String)] = [
            ("Package.swift", manifest), (".gitignore", ".build/\n"), ("README.md", guide),
            ("Sources/\(name).swift", source), ("Tests/\(name)Tests.swift", test), ("Sample/Sample.swift", sample),
        ]
        for (path, text) in files {
            let file = folder.appending(path: path)
            try write {
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(text.utf8).write(to: file)
            }
        }
        let isPlain = folder.path.allSatisfy { $0.isLetter || $0.isNumber || "/._-".contains($0) }
        let quoted = "'\(folder.path.replacing("'", with: "'\\''"))'"
        return """
            \(folder.path)
            \(files.map { "  " + $0.path }.joined(separator: "\n"))

            Next:
              cd \(isPlain ? folder.path : quoted)
              swift test          the laws, on \(name)
              swift run sample    a training with it and without
            """
    }

    private func write(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch {
            var above = folder
            while !FileManager.default.fileExists(atPath: above.path), above.path != "/" {
                above.deleteLastPathComponent()
            }
            let reason =
                Scaffold.isFile(above)
                ? "\(above.path) is a file"
                : FileManager.default.isWritableFile(atPath: above.path)
                    ? error.localizedDescription : "this user may not write to \(above.path)"
            throw UsageError("\(folder.path) cannot be written: \(reason); choose another folder with --at DIR")
        }
    }

    /// Ballast's folder as the package's manifest says it: relative, so that both may move together.
    var ballastPath: String {
        let (from, to) = (folder.resolvingSymlinksInPath(), ballast.resolvingSymlinksInPath())
        let common = zip(from.pathComponents, to.pathComponents).prefix { $0 == $1 }.count
        guard common > 1 else { return to.path }
        let up = Array(repeating: "..", count: from.pathComponents.count - common)
        return (up + to.pathComponents[common...]).joined(separator: "/")
    }
}
