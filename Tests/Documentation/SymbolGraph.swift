import Foundation

/// The public symbols of a module, as the compiler extracts them.
struct SymbolGraph: Decodable {
    struct Symbol: Decodable {
        struct Kind: Decodable { let identifier: String }
        struct Identifier: Decodable { let precise: String }
        struct Line: Decodable { let text: String }
        struct Comment: Decodable { let lines: [Line] }
        struct Fragment: Decodable { let spelling: String }
        struct Position: Decodable { let line: Int }
        struct Parameter: Decodable { let name: String }
        struct Signature: Decodable { let parameters: [Parameter]? }
        struct Location: Decodable {
            let uri: String
            let position: Position
        }

        let kind: Kind
        let identifier: Identifier
        let pathComponents: [String]
        let docComment: Comment?
        let declarationFragments: [Fragment]?
        let functionSignature: Signature?
        /// Nil for synthesized symbols, such as `init(rawValue:)`.
        let location: Location?

        var text: String { docComment?.lines.map(\.text).joined(separator: "\n") ?? "" }
        var declaration: String { declarationFragments?.map(\.spelling).joined() ?? "" }
    }

    struct Relationship: Decodable {
        let kind: String
        let source: String
        let target: String
    }

    let symbols: [Symbol]
    let relationships: [Relationship]

    /// Public declarations that are not documented, or lack what belongs to their kind.
    var problems: [String] {
        var protocols: [String: Set<String>] = [:]
        for relationship in relationships where relationship.kind == "conformsTo" {
            protocols[relationship.source, default: []].insert(relationship.target)
        }
        return symbols.compactMap { symbol in
            guard let location = symbol.location, symbol.kind.identifier != "swift.extension" else { return nil }
            let lacks = Self.lacks(symbol, protocols[symbol.identifier.precise] ?? [])
            guard !lacks.isEmpty else { return nil }
            let file = URL(string: location.uri)?.lastPathComponent ?? location.uri
            return "\(file):\(location.position.line + 1): \(symbol.pathComponents.joined(separator: ".")) lacks "
                + lacks.joined(separator: ", ")
        }
    }

    /// Whether a declaration itself `throws`, not only a parameter.
    private static func isThrowing(_ declaration: String) -> Bool {
        var depth = 0
        let outside = declaration.filter { character in
            if character == ")" { depth -= 1 }
            defer { if character == "(" { depth += 1 } }
            return depth == 0
        }
        return outside.contains("throws")
    }

    private static func lacks(_ symbol: Symbol, _ protocols: Set<String>) -> [String] {
        let text = symbol.text
        guard !text.isEmpty else { return ["a documentation comment"] }
        var lacks: [String] = []
        let declaration = symbol.declaration
        if Self.isThrowing(declaration), !text.contains("Throws:") { lacks.append("\"- Throws:\" with the errors") }
        if symbol.kind.identifier == "swift.init", (symbol.functionSignature?.parameters?.count ?? 0) > 1,
            !text.contains("- Parameter")
        {
            lacks.append("\"- Parameters:\" with units and bounds")
        }
        let isFunction = symbol.kind.identifier == "swift.func" && declaration.hasSuffix("-> Tensor")
        let isStruct = symbol.kind.identifier == "swift.struct"
        // A shape is written `[batch, ...]`.
        if isFunction || (isStruct && protocols.contains("s:11BallastCore5LayerP")), !text.contains("Shape:"),
            !text.contains("`[")
        {
            lacks.append("\"- Shape:\" of what it takes and returns")
        }
        if isStruct, protocols.contains("s:11BallastCore9TechniqueP") {
            for word in ["Order:", "State:"] where !text.contains(word) { lacks.append("\"- \(word)\"") }
        }
        return lacks
    }
}

/// The archive that docc has built from a catalog.
struct Archive {
    struct Page: Decodable {
        struct Section: Decodable {
            let title: String?
            let generated: Bool?
            let identifiers: [String]
        }

        let topicSections: [Section]?
    }

    let folder: URL

    init(_ folder: URL) { self.folder = folder }

    /// The symbols under no topic: on the module's page, and on all pages with hand-written topics.
    var problems: [String] {
        get throws {
            let module = folder.deletingPathExtension().lastPathComponent
            let pages = folder.appending(path: "data/documentation")
            var problems: [String] = []
            for case let name as String in FileManager.default.enumerator(atPath: pages.path) ?? .init()
            where name.hasSuffix(".json") {
                let data = try Data(contentsOf: pages.appending(path: name))
                let sections = try JSONDecoder().decode(Page.self, from: data).topicSections ?? []
                guard name == "\(module.lowercased()).json" || sections.contains(where: { $0.generated != true }) else {
                    continue
                }
                // Operators and default implementations stay where docc puts them.
                let rest = sections.filter {
                    $0.generated == true && $0.title != "Operators" && $0.title != "Default Implementations"
                }
                problems += rest.flatMap(\.identifiers).map {
                    "\(module): \($0.split(separator: "/").last ?? "") is under no topic of \(name.dropLast(5)): list it in "
                        + "Sources/\(module)/\(module).docc"
                }
            }
            return problems.sorted()
        }
    }
}
