import Foundation
import Testing

/// The folders of the core, and which of them use each other's types.
struct FolderTests {
    @Test func `no two folders of the core use each other's types both ways`() throws {
        let folders = try Folders(under: "Sources/BallastCore")
        #expect(folders.names.count > 5 && folders.typeCount > 100)
        #expect(folders.twoWay == [])
    }

    @Test func `two folders that use each other's types are found`() {
        let folders = Folders([
            "A/One.swift": "/// Uses Two.\nstruct One { let other: Two }",
            "B/Two.swift": "enum Two { static let one = \"One\" }",
            "B/Three.swift": "final class Three { let text = One(Two()) }",
            "C/Four.swift": "// Three\nprotocol Four: Sendable {}",
        ])
        #expect(folders.twoWay == ["A and B: Two; One"])
        #expect(folders.typeCount == 4)
    }
}

/// Which folder declares which types and names which of those of others, read from the text of its files.
struct Folders {
    static let root = URL(filePath: #filePath).appending(path: "../../../..").standardized
    let names: [String]
    let typeCount: Int
    /// Folders that use each other's types: both names, with the types that lead there and back.
    let twoWay: [String]

    init(under path: String) throws {
        let folder = Folders.root.appending(path: path)
        var sources: [String: String] = [:]
        let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
        while let url = files?.nextObject() as? URL {
            guard url.pathExtension == "swift" else { continue }
            sources[String(url.path.dropFirst(folder.path.count + 1))] = try String(contentsOf: url, encoding: .utf8)
        }
        self.init(sources)
    }

    init(_ sources: [String: String]) {
        func folder(_ path: String) -> String { path.split(separator: "/").dropLast().first.map(String.init) ?? "" }
        let words = sources.mapValues(Folders.words)
        var homes: [String: Set<String>] = [:]
        for (path, words) in words {
            for (index, word) in words.enumerated() where Folders.declaring.contains(word) && index + 1 < words.count {
                let name = words[index + 1]
                if name.first?.isUppercase == true { homes[name, default: []].insert(folder(path)) }
            }
        }
        // A name that several folders declare tells nothing.
        let home = homes.compactMapValues { $0.count == 1 ? $0.first : nil }
        var uses: [String: [String: Set<String>]] = [:]
        for (path, words) in words {
            for word in Set(words) {
                guard let target = home[word], target != folder(path) else { continue }
                uses[folder(path), default: [:]][target, default: []].insert(word)
            }
        }
        names = Set(sources.keys.map(folder)).sorted()
        typeCount = home.count
        var found: [String] = []
        for one in names {
            for other in names where other > one {
                guard let there = uses[one]?[other], let back = uses[other]?[one] else { continue }
                found.append(
                    "\(one) and \(other): \(there.sorted().joined(separator: ", ")); \(back.sorted().joined(separator: ", "))"
                )
            }
        }
        twoWay = found
    }

    private static let declaring: Set<String> = ["struct", "class", "enum", "protocol", "actor", "typealias"]

    /// The words of a source without its comments and the literal parts of its strings.
    private static func words(_ source: String) -> [String] {
        let lines = source.split(separator: "\n").map { line -> Substring in
            guard let comment = line.range(of: "//") else { return line }
            return line[..<comment.lowerBound]
        }
        let text = lines.joined(separator: "\n").replacing(#/"(\\.|[^"\\\n])*"/#, with: "\"\"")
        return text.split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init)
    }
}
