import Foundation
import Testing

@testable import documentation

/// Swift in the documentation is code that is compiled and run: the snippets of the folders beside this file.
struct CompiledCodeTests {
    /// What articles show.
    private let snippets: [Snippet]
    /// What the README, the guides of techniques and documentation comments quote.
    private let quotes: [Snippet]
    private let root = Article.root

    init() throws {
        let folder = root.appending(path: "Tests/DocumentationTests")
        snippets = try Snippet.all(in: folder.appending(path: "Snippets"))
        quotes = try Snippet.all(in: folder.appending(path: "Quotes"))
    }

    /// The files in some folders whose names end with a suffix.
    private func files(_ suffix: String, in folders: [String]) -> [URL] {
        folders.flatMap { folder in
            let names = FileManager.default.enumerator(atPath: root.appending(path: folder).path)
            return (names?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(suffix) }
                .map { root.appending(path: "\(folder)/\($0)") }
        }
    }

    /// The blocks of Swift in a text, each moved to the left margin.
    private func blocks(_ text: String) -> [[String]] {
        var blocks: [[String]] = []
        var open: [String]?
        for line in text.components(separatedBy: "\n") {
            if let lines = open {
                open = line.hasSuffix("```") ? nil : lines + [line]
                if open == nil { blocks.append(Snippet.movedLeft(lines)) }
            } else if line.hasSuffix("```swift") {
                open = []
            }
        }
        return blocks
    }

    @Test func `READMEs, guides and comments show what is compiled`() throws {
        var unquoted = quotes
        let guides = files("README.md", in: ["Plugins"])
        #expect(guides.count > 10)
        let sources = files(".swift", in: ["Sources", "Plugins"]).filter { !$0.path.contains("/Tests/") }
        #expect(sources.count > 100)
        for file in sources + guides + [root.appending(path: "README.md")] {
            var text = try String(contentsOf: file, encoding: .utf8)
            if file.pathExtension == "swift" {
                let comments = text.components(separatedBy: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
                text = comments.filter { $0.hasPrefix("///") }.map { String($0.dropFirst(3)) }.joined(separator: "\n")
            }
            for var block in blocks(text) {
                if guides.contains(file) { block = try withoutImports(block, of: file) }
                let isKnown = quotes.contains { $0.lines == block }
                let code = block.joined(separator: "\n")
                #expect(isKnown, "\(file.lastPathComponent): no snippet in Quotes is\n\(code)")
                unquoted.removeAll { $0.lines == block }
            }
        }
        #expect(unquoted.isEmpty, "nothing quotes \(unquoted.map(\.name))")
    }

    /// A guide's code without the lines that import modules: no others than Ballast, the technique's and Foundation.
    private func withoutImports(_ block: [String], of guide: URL) throws -> [String] {
        let imports = block.prefix { $0.hasPrefix("import ") }
        let module = "Ballast" + guide.deletingLastPathComponent().lastPathComponent
        if !imports.isEmpty {
            #expect(imports.starts(with: ["import Ballast", "import \(module)"]), "\(guide.path): \(imports)")
            #expect(imports.dropFirst(2).allSatisfy { $0 == "import Foundation" }, "\(guide.path): \(imports)")
        }
        return Snippet.movedLeft(Array(block.dropFirst(imports.count)))
    }

    @Test func `articles show snippets, and all are shown`() throws {
        var shown: Set<String> = []
        let articles = files(".md", in: ["Sources"])
        #expect(articles.count > 10)
        for file in articles {
            let text = try String(contentsOf: file, encoding: .utf8)
            #expect(!text.contains("```swift"), "\(file.lastPathComponent): show code by @Snippet")
            for match in text.matches(of: #/@Snippet\(path: "Ballast/Snippets/(\w+)", slice: "(\w+)"\)/#) {
                shown.insert("\(match.1).\(match.2)")
            }
        }
        for snippet in snippets {
            let name = "\(snippet.file).\(snippet.name)"
            #expect(shown.contains(name), "no article shows \(name)")
        }
    }

    @Test func `a snippet is moved left, without what is hidden or marks another`() throws {
        let text = """
                // snippet.outer
                if true {
                    // snippet.inner
                    first()
                    // snippet.hide
                    second()
                    // snippet.show

                    third()
                    // snippet.end
                }
                // snippet.end
            """
        let found = try Snippet.all(of: "File", text)
        #expect(found.map(\.name) == ["inner", "outer"])
        #expect(found[0].lines == ["first()", "", "third()"])
        #expect(found[1].lines == ["if true {", "    first()", "", "    third()", "}"])
        let graph = try JSONSerialization.jsonObject(with: JSONEncoder().encode(SnippetGraph(found))) as? [String: Any]
        let symbol = try #require((graph?["symbols"] as? [[String: Any]])?.first)
        let slices = (symbol["snippet"] as? [String: Any])?["slices"] as? [String: [Int]]
        #expect(slices == ["inner": [0, 3], "outer": [3, 8]])
    }

    @Test(arguments: [
        ("// snippet.a\nx()", "File.swift: the snippet \"a\" has no end"),
        ("// snippet.end", "File.swift, line 1: no snippet is open here"),
        (
            "// snippet.a\n// snippet.end\n// snippet.a\n// snippet.end",
            "File.swift, line 4: the file has a snippet \"a\" already"
        ),
    ])
    func `a mistake in a snippet is named`(text: String, message: String) throws {
        let error = #expect(throws: DocumentationError.self) { try Snippet.all(of: "File", text) }
        #expect(error?.description == message)
    }

    @Test func `what is not documented is found`() throws {
        func symbol(_ kind: String, _ declaration: String, _ comment: String?) -> String {
            let lines = comment.map { ", \"docComment\": {\"lines\": [{\"text\": \"\($0)\"}]}" } ?? ""
            return """
                {"kind": {"identifier": "swift.\(kind)"}, "identifier": {"precise": "x"}, "pathComponents": ["f"],
                "declarationFragments": [{"spelling": "\(declaration)"}],
                "functionSignature": {"parameters": [{"name": "a"}, {"name": "b"}]},
                "location": {"uri": "file:///A.swift", "position": {"line": 6}}\(lines)}
                """
        }
        func problems(_ symbol: String, conformingTo target: String = "none") throws -> [String] {
            let relation = "{\"kind\": \"conformsTo\", \"source\": \"x\", \"target\": \"\(target)\"}"
            let text = "{\"symbols\": [\(symbol)], \"relationships\": [\(relation)]}"
            return try JSONDecoder().decode(SymbolGraph.self, from: Data(text.utf8)).problems
        }
        #expect(try problems(symbol("func", "func f()", nil)) == ["A.swift:7: f lacks a documentation comment"])
        #expect(try problems(symbol("func", "func f()", "Does.")).isEmpty)
        #expect(try problems(symbol("func", "func f() throws -> Int", "Does.")).count == 1)
        #expect(try problems(symbol("func", "func f() throws -> Int", "Does. - Throws: it.")).isEmpty)
        #expect(try problems(symbol("func", "func f(_ body: () throws -> Void)", "Does.")).isEmpty)
        #expect(try problems(symbol("init", "init(a: Int, b: Int)", "Makes.")).count == 1)
        #expect(try problems(symbol("init", "init(a: Int, b: Int)", "Makes. - Parameters: a, b.")).isEmpty)
        #expect(try problems(symbol("func", "func f() -> Tensor", "Does.")).count == 1)
        #expect(try problems(symbol("func", "func f() -> Tensor", "Does; `[batch]`.")).isEmpty)
        #expect(try problems(symbol("struct", "struct f", "Is."), conformingTo: "s:11BallastCore5LayerP").count == 1)
        #expect(
            try problems(symbol("struct", "struct f", "Is."), conformingTo: "s:11BallastCore9TechniqueP").count == 1)
        #expect(
            try problems(
                symbol("struct", "struct f", "Order: no. State: no."), conformingTo: "s:11BallastCore9TechniqueP"
            )
            .isEmpty)
    }
}
