import Foundation

/// A piece of a compiled source file that documentation shows.
///
/// It is between the lines `// snippet.NAME` and `// snippet.end`; what is between `// snippet.hide` and
/// `// snippet.show` is left out. One may contain another. Articles show it by `@Snippet(path: "Ballast/Snippets/File", slice: "NAME")`.
struct Snippet: Hashable {
    /// The name of its file, without the extension.
    let file: String
    let name: String
    /// Its lines, moved to the left margin.
    let lines: [String]

    /// The pieces of all Swift files in a folder, file by file.
    static func all(in folder: URL) throws -> [Snippet] {
        try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "swift" }
            .sorted { $0.path < $1.path }
            .flatMap {
                try all(of: $0.deletingPathExtension().lastPathComponent, String(contentsOf: $0, encoding: .utf8))
            }
    }

    /// The pieces of a file.
    static func all(of file: String, _ text: String) throws -> [Snippet] {
        var snippets: [Snippet] = []
        var open: [(name: String, lines: [String])] = []
        var isHidden = false
        for (number, line) in text.components(separatedBy: "\n").enumerated() {
            let words = line.trimmingCharacters(in: .whitespaces)
            guard words.hasPrefix("// snippet.") else {
                if !isHidden { for index in open.indices { open[index].lines.append(line) } }
                continue
            }
            let place = "\(file).swift, line \(number + 1)"
            switch String(words.dropFirst("// snippet.".count)) {
            case "hide": isHidden = true
            case "show": isHidden = false
            case "end":
                guard let closed = open.popLast() else { throw DocumentationError("\(place): no snippet is open here") }
                guard !snippets.contains(where: { $0.name == closed.name }) else {
                    throw DocumentationError("\(place): the file has a snippet \"\(closed.name)\" already")
                }
                snippets.append(Snippet(file: file, name: closed.name, lines: movedLeft(closed.lines)))
            case let name: open.append((name, []))
            }
        }
        if let last = open.last { throw DocumentationError("\(file).swift: the snippet \"\(last.name)\" has no end") }
        return snippets
    }

    /// Lines without the indentation that all of them have, and without empty ones at either end.
    static func movedLeft(_ lines: [String]) -> [String] {
        let isFull = { (line: String) in !line.allSatisfy(\.isWhitespace) }
        guard let first = lines.firstIndex(where: isFull), let last = lines.lastIndex(where: isFull) else { return [] }
        let depth = lines.filter(isFull).map { $0.prefix { $0 == " " }.count }.min() ?? 0
        return lines[first...last].map { isFull($0) ? String($0.dropFirst(depth)) : "" }
    }
}

/// Snippets as docc reads them: a symbol graph with a symbol for each file, and in it a slice for each snippet.
struct SnippetGraph: Encodable {
    struct Version: Encodable {
        var major = 0
        var minor = 1
        var patch = 0
    }
    struct Metadata: Encodable {
        let formatVersion = Version()
        let generator = "Ballast"
    }
    struct Module: Encodable {
        let name = "BallastSnippets"
        let platform: [String: String] = [:]
        let isVirtual = true
    }
    struct Kind: Encodable {
        let identifier = "swift.snippet"
        let displayName = "Snippet"
    }
    struct Identifier: Encodable {
        let precise: String
        let interfaceLanguage = "swift"
    }
    struct Code: Encodable {
        let language = "swift"
        var lines: [String] = []
        /// From the first line on, up to the line after the last.
        var slices: [String: [Int]] = [:]
    }
    struct Symbol: Encodable {
        let kind = Kind()
        let identifier: Identifier
        let pathComponents: [String]
        let names: [String: String]
        let accessLevel = "public"
        let snippet: Code
    }

    let metadata = Metadata()
    let module = Module()
    let symbols: [Symbol]
    let relationships: [String] = []

    init(_ snippets: [Snippet]) {
        symbols = Dictionary(grouping: snippets, by: \.file).sorted { $0.key < $1.key }.map { file, pieces in
            var code = Code()
            for piece in pieces {
                code.slices[piece.name] = [code.lines.count, code.lines.count + piece.lines.count]
                code.lines += piece.lines
            }
            return Symbol(
                identifier: Identifier(precise: "$snippet__Ballast.\(file)"), pathComponents: ["Snippets", file],
                names: ["title": file], snippet: code)
        }
    }
}
