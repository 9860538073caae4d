import Ballast
import Foundation
import Testing

@testable import samples

/// The package that `samples new-technique` writes.
struct ScaffoldTests {
    @Test(arguments: Hook.allCases)
    func `a package is written for each hook, with what it needs`(hook: Hook) throws {
        try Program.inFolder { program in
            let outcome = try program.run("new-technique WeightNoise --hook \(hook.rawValue) --at made")
            #expect(outcome.code == 0, "\(outcome)")
            func text(_ path: String) throws -> String {
                try String(contentsOf: program.folder.appending(path: "made/\(path)"), encoding: .utf8)
            }
            let source = try text("Sources/WeightNoise.swift")
            #expect(source.contains("public struct WeightNoise: \(hook.rawValue.prefix(1).uppercased())"), "\(source)")
            #expect(source.contains("public func \(hook.rawValue)("), "\(source)")
            #expect(try text("Tests/WeightNoiseTests.swift").contains("Laws.check("))
            #expect(try text("README.md").hasPrefix("# WeightNoise\n"))
            #expect(try text("Sample/Sample.swift").contains("Composition { WeightNoise() }"))
            #expect(outcome.output.contains("swift test"))
            // The path in the manifest leads to Ballast.
            let manifest = try text("Package.swift")
            let path = try #require(manifest.firstMatch(of: /let ballast = "(.*)"/)?.output.1)
            let ballast = URL(filePath: String(path), relativeTo: program.folder.appending(path: "made/"))
            #expect(FileManager.default.fileExists(atPath: ballast.appending(path: "Sources/BallastTesting").path))
        }
    }

    @Test func `a folder that is taken is left as it is`() throws {
        try Program.inFolder { program in
            _ = try program.run("new-technique First --at made")
            let outcome = try program.run("new-technique Second --at made")
            #expect(outcome.code == 2)
            #expect(outcome.errors.contains("is there already and not empty; choose another folder with --at DIR"))
            let file = program.folder.appending(path: "made/Sources/Second.swift")
            #expect(!FileManager.default.fileExists(atPath: file.path))
        }
    }

    @Test(arguments: [
        ("new-technique", "needs the name of the type to write, such as WeightNoise"),
        ("new-technique noise", "\"noise\" cannot name a type: it must begin with a capital"),
        ("new-technique My-Noise", "\"My-Noise\" cannot name a type"),
        ("new-technique Tensor", "\"Tensor\" is a type of Ballast"),
        ("new-technique Noise --hook penalty", "there is no hook \"penalty\""),
        ("new-technique Noise --hook lossPenalti", "did you mean lossPenalty?"),
        ("new-technique Noise --at=", "option --at: the path is empty"),
    ])
    func `a mistake is named`(line: String, message: String) {
        do {
            _ = try Invocation(line.split(separator: " ").map(String.init))
            Issue.record("\(line) was accepted")
        } catch let error as UsageError {
            #expect(error.description.contains(message), "\(error)")
        } catch {
            Issue.record("\(line): \(error)")
        }
    }
}
