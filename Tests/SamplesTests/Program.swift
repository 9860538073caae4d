import Foundation

/// A built program, run as a user runs it.
struct Program {
    /// The result of a run of the program.
    struct Outcome {
        let code: Int32
        let output: String
        let errors: String
    }

    /// The name of the executable.
    var name = "samples"
    /// A folder for what the program writes, removed at the end.
    let folder: URL

    /// Calls `body` with the program and an empty folder.
    static func inFolder(_ body: (Program) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "samples-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(Program(folder: folder))
    }

    /// Runs the program with arguments, separated by spaces.
    ///
    /// - Parameters:
    ///   - marker: the output after which it receives Ctrl-C.
    ///   - output: where its output goes; nil: into the outcome.
    func run(
        _ line: String, environment: [String: String] = [:], interruptingAt marker: String? = nil,
        output destination: FileHandle? = nil
    ) throws -> Outcome {
        let process = Process()
        process.executableURL = location
        process.arguments = line.split(separator: " ").map(String.init)
        process.currentDirectoryURL = folder
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let errors = folder.appending(path: "errors.txt")
        try Data().write(to: errors)
        process.standardError = try FileHandle(forWritingTo: errors)
        let pipe = Pipe()
        process.standardOutput = pipe
        if let destination {
            process.standardOutput = destination
            try pipe.fileHandleForWriting.close()
        }
        try process.run()
        var output = Data()
        var isInterrupted = false
        // Read what is available at once: Ctrl-C must not wait for a full buffer.
        while case let part = pipe.fileHandleForReading.availableData, !part.isEmpty {
            output += part
            if let marker, !isInterrupted, String(decoding: output, as: UTF8.self).contains(marker) {
                process.interrupt()
                isInterrupted = true
            }
        }
        process.waitUntilExit()
        return Outcome(
            code: process.terminationStatus, output: String(decoding: output, as: UTF8.self),
            errors: try String(contentsOf: errors, encoding: .utf8))
    }

    /// The text of a file in the folder.
    func text(_ name: String) throws -> String {
        try String(contentsOf: folder.appending(path: name), encoding: .utf8)
    }

    /// The objects of a file of JSON Lines, without the times.
    func objects(_ name: String) throws -> [[String: Any]] {
        let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
        return try text.split(separator: "\n").map { line in
            var object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
            object["seconds"] = nil
            return object
        }
    }

    /// The program, which SwiftPM builds into the folder of the tests.
    private var location: URL {
        let tests = Bundle.main.executableURL ?? URL(filePath: CommandLine.arguments[0])
        var folder = tests.deletingLastPathComponent()
        while folder.pathComponents.count > 1 {
            let candidate = folder.appending(path: name, directoryHint: .notDirectory)
            var isFolder: ObjCBool = false
            if FileManager.default.fileExists(atPath: candidate.path, isDirectory: &isFolder), !isFolder.boolValue {
                return candidate
            }
            folder.deleteLastPathComponent()
        }
        return tests
    }
}
