import Ballast
import Foundation

/// The options of `samples new-technique`.
struct ScaffoldOptions: Equatable {
    var form = TechniqueForm.forwardWrapper
    var folder: URL?
    var ballast: URL?
}

/// What a new technique starts as: one of the four hooks, the wrapper in both of its forms.
enum TechniqueForm: String, CaseIterable {
    case lossPenalty, gradientTransform, forwardWrapper, batchWrapper, epochCallback

    /// The hook that it implements.
    var hook: Hook { Hook(rawValue: rawValue) ?? .forwardWrapper }
}

extension Option {
    static let hook = Option(
        name: "--hook", placeholder: "HOOK",
        help: "\(TechniqueForm.allCases.map(\.rawValue).joined(separator: ", ")) (default: forwardWrapper)"
    ) { options, value in
        guard let form = TechniqueForm(rawValue: value) else {
            throw UsageError(unknown: "hook", value, among: TechniqueForm.allCases.map(\.rawValue))
        }
        options.scaffold.form = form
    }

    static let at = Option(
        name: "--at", placeholder: "DIR", help: "folder of the package (default: NAME in the current folder)"
    ) {
        guard !$1.isEmpty else { throw UsageError("option --at: the path is empty") }
        $0.scaffold.folder = URL(filePath: $1, directoryHint: .isDirectory)
    }

    static let ballast = Option(
        name: "--ballast", placeholder: "DIR", help: "folder of Ballast's package (default: auto-detected)"
    ) {
        guard !$1.isEmpty else { throw UsageError("option --ballast: the path is empty") }
        $0.scaffold.ballast = URL(filePath: $1, directoryHint: .isDirectory)
    }
}

/// A package with a working technique, to start from.
struct Scaffold {
    let name: String
    let form: TechniqueForm
    /// Where the package is written.
    let folder: URL
    /// Ballast's own package.
    let ballast: URL

    /// Prepares a package.
    ///
    /// - Throws: `UsageError` for an invalid name, a folder that is not empty, or if Ballast is not found.
    init(name: String, options: ScaffoldOptions) throws {
        try Scaffold.check(name: name)
        self.name = name
        form = options.form
        folder = (options.folder ?? URL(filePath: name, directoryHint: .isDirectory)).absoluteURL.standardizedFileURL
        ballast = try options.ballast.map(Scaffold.checked) ?? Scaffold.ballastFolder()
        try Scaffold.check(name: name, beside: ballast)
        let found = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        guard found.isEmpty, !Scaffold.isFile(folder) else {
            throw UsageError("\(folder.path) exists and is not empty; choose another folder with --at DIR")
        }
    }

    private static func isFile(_ url: URL) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) && !isFolder.boolValue
    }

    private static func checked(_ folder: URL) throws -> URL {
        let folder = folder.absoluteURL.standardizedFileURL
        guard isBallast(folder) else { throw UsageError("option --ballast: no Ballast package in \(folder.path)") }
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
        throw UsageError("Ballast's package was not found; give its folder with --ballast DIR")
    }

    /// Writes the package, and returns what to do next.
    ///
    /// - Throws: `UsageError` if the folder cannot be written.
    func write() throws -> String {
        // Create the folder first: its real path, and so the relative path to Ballast, is known only then.
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
              swift test          checks the laws of \(name)
              swift run sample    trains with and without it
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

    /// Ballast's folder for the package's manifest: relative, so that both can move together.
    var ballastPath: String {
        let (from, to) = (folder.resolvingSymlinksInPath(), ballast.resolvingSymlinksInPath())
        let common = zip(from.pathComponents, to.pathComponents).prefix { $0 == $1 }.count
        guard common > 1 else { return to.path }
        let up = Array(repeating: "..", count: from.pathComponents.count - common)
        return (up + to.pathComponents[common...]).joined(separator: "/")
    }
}
