import Foundation

/// What `.ci/documentation` needs in addition to the toolchain: the code of the articles as a symbol graph, and a check of
/// the result.
@main
struct Documentation {
    static func main() {
        do {
            let arguments = Array(CommandLine.arguments.dropFirst())
            switch arguments.first {
            case "snippets" where arguments.count == 3:
                try writeSnippets(of: URL(filePath: arguments[1]), to: URL(filePath: arguments[2]))
            case "check" where arguments.count > 1:
                try check(arguments.dropFirst().map { URL(filePath: $0) })
            default:
                throw DocumentationError("usage: documentation snippets FOLDER FILE | documentation check PATH...")
            }
        } catch {
            FileHandle.standardError.write(Data("\(error)\n".utf8))
            exit(1)
        }
    }

    private static func writeSnippets(of folder: URL, to file: URL) throws {
        let graph = SnippetGraph(try Snippet.all(in: folder))
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        try encoder.encode(graph).write(to: file)
    }

    /// Checks symbol graphs (`.json`) and archives (folders).
    private static func check(_ paths: [URL]) throws {
        var problems: [String] = []
        for path in paths {
            if path.pathExtension == "json" {
                problems += try JSONDecoder().decode(SymbolGraph.self, from: Data(contentsOf: path)).problems
            } else {
                problems += try Archive(path).problems
            }
        }
        guard problems.isEmpty else {
            throw DocumentationError((problems + ["\(problems.count) in all"]).joined(separator: "\n"))
        }
    }
}

/// A problem, with what to do.
struct DocumentationError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
