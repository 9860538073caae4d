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
        ("Dropout", "Ballast has a technique \"Dropout\" already (Plugins/Dropout)"),
        ("Testing", "Ballast has a module \"BallastTesting\" already"),
        ("Trainer", "\"Trainer\" is a type of BallastCore"),
        ("Tensor", "\"Tensor\" is a type of Tensors"),
        ("Laws", "\"Laws\" is a type of BallastTesting"),
        ("Ballast", "\"Ballast\" is a type of Ballast"),
    ])
    func `a name that Ballast has is refused, and nothing is written`(name: String, message: String) throws {
        try Program.inFolder { program in
            let outcome = try program.run("new-technique \(name) --at made")
            #expect(outcome.code == 2 && outcome.errors.contains(message), "\(outcome)")
            #expect(!FileManager.default.fileExists(atPath: program.folder.appending(path: "made").path))
        }
    }

    @Test func `a package in a folder with spaces, behind a link, finds Ballast`() throws {
        try Program.inFolder { program in
            let real = program.folder.appending(path: "my own/techniques")
            try FileManager.default.createDirectory(at: real, withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(
                at: program.folder.appending(path: "link"), withDestinationURL: real)
            let options = ScaffoldOptions(folder: program.folder.appending(path: "link/of mine"))
            let text = try Scaffold(name: "WeightNoise", options: options).write()
            #expect(text.contains("cd '") && text.contains("/link/of mine'\n"), "\(text)")
            let manifest = try program.text("my own/techniques/of mine/Package.swift")
            let path = try #require(manifest.firstMatch(of: /let ballast = "(.*)"/)?.output.1)
            let ballast = URL(filePath: String(path), relativeTo: real.appending(path: "of mine/"))
            #expect(FileManager.default.fileExists(atPath: ballast.appending(path: "Sources/BallastTesting").path))
        }
    }

    @Test func `a folder that cannot be written is named`() throws {
        try Program.inFolder { program in
            try Data().write(to: program.folder.appending(path: "file"))
            let outcome = try program.run("new-technique WeightNoise --at file/made")
            #expect(outcome.code == 2, "\(outcome)")
            #expect(outcome.errors.contains("/file/made cannot be written: "), "\(outcome)")
            #expect(outcome.errors.contains("/file is a file; choose another folder with --at DIR"), "\(outcome)")
        }
    }

    @Test(arguments: [
        ("new-technique", "needs the name of the type to write, such as WeightNoise"),
        ("new-technique noise", "\"noise\" cannot name a type: it must begin with a capital"),
        ("new-technique noise", "letters and digits only, as Noise has"),
        ("new-technique my-noise", "\"my-noise\" cannot name a type"),
        ("new-technique my-noise", "as MyNoise has"),
        ("new-technique 1Noise", "as WeightNoise has"),
        ("new-technique Self", "\"Self\" means something else in Swift"),
        ("new-technique Float", "choose another name, such as FloatTechnique"),
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
