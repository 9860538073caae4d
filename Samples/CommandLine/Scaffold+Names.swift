import Foundation

/// Which names a new technique may have.
extension Scaffold {
    /// Names that Swift or the package's files already use.
    private static let languageNames: Set<String> = [
        "Any", "AnyObject", "Array", "Bool", "Character", "Dictionary", "Double", "Error", "Float", "Int", "Int32",
        "Never", "Optional", "Protocol", "Range", "Result", "Sample", "Self", "Sendable", "Set", "String", "Swift",
        "Test", "Type", "Void",
    ]

    /// Checks that a name can be that of a type.
    static func check(name: String) throws {
        guard isType(name) else {
            let words = name.split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
            let better = words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
            throw UsageError(
                "\"\(name)\" cannot name a type: begin with a capital and use letters and digits only, such as \(isType(better) ? better : "WeightNoise")"
            )
        }
        guard !languageNames.contains(name) else {
            throw UsageError("\"\(name)\" is already a type in Swift; choose another name, such as \(name)Technique")
        }
    }

    private static func isType(_ name: String) -> Bool {
        name.first?.isUppercase == true && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
    }

    /// Checks that no type or module of Ballast has the name.
    static func check(name: String, beside ballast: URL) throws {
        func folders(_ path: String) -> [String] {
            (try? FileManager.default.contentsOfDirectory(atPath: ballast.appending(path: path).path)) ?? []
        }
        guard !folders("Plugins").contains(name) else {
            throw UsageError("Ballast already has a technique \"\(name)\" (Plugins/\(name)); choose another name")
        }
        guard !folders("Sources").contains("Ballast\(name)") else {
            throw UsageError("Ballast already has a module \"Ballast\(name)\"; choose another name")
        }
        let modules = folders("Sources").filter { $0.hasPrefix("Ballast") || $0 == "Tensors" }.sorted()
        for module in modules where try hasType(name, in: ballast, module) {
            throw UsageError("\"\(name)\" is a type of \(module); choose another name")
        }
    }

    /// Whether one of a module's sources declares a public type of a name.
    private static func hasType(_ name: String, in ballast: URL, _ module: String) throws -> Bool {
        let declaration = try Regex("(?m)^public (final )?(struct|class|enum|protocol|typealias) \(name)\\b")
        let folder = ballast.appending(path: "Sources/\(module)")
        let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
        while let file = files?.nextObject() as? URL {
            guard file.pathExtension == "swift", let text = try? String(contentsOf: file, encoding: .utf8) else {
                continue
            }
            if text.contains(name), text.firstMatch(of: declaration) != nil { return true }
        }
        return name == module
    }
}
