import Ballast
import Foundation
import Testing

@testable import samples

/// The package that `samples new-technique` writes.
struct ScaffoldTests {
    @Test(arguments: TechniqueForm.allCases)
    func `a package is written for each hook, with what it needs`(form: TechniqueForm) throws {
        try Program.inFolder { program in
            let outcome = try program.run("new-technique WeightNoise --hook \(form.rawValue) --at made")
            #expect(outcome.code == 0, "\(outcome)")
            func text(_ path: String) throws -> String {
                try String(contentsOf: program.folder.appending(path: "made/\(path)"), encoding: .utf8)
            }
            let source = try text("Sources/WeightNoise.swift")
            let hookProtocol = [
                TechniqueForm.lossPenalty: "LossPenalty", .gradientTransform: "GradientTransform",
                .forwardWrapper: "LayerWrapper", .batchWrapper: "BatchWrapper", .epochCallback: "EpochCallback",
            ][form]
            #expect(source.contains("public struct WeightNoise: \(hookProtocol ?? "") {"), "\(source)")
            #expect(source.contains("public func \(form.hook.rawValue)("), "\(source)")
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

    @Test func `a folder that is not empty is left unchanged`() throws {
        try Program.inFolder { program in
            _ = try program.run("new-technique First --at made")
            let outcome = try program.run("new-technique Second --at made")
            #expect(outcome.code == 2)
            #expect(outcome.errors.contains("/made ") && outcome.errors.contains("--at DIR"), "\(outcome)")
            let file = program.folder.appending(path: "made/Sources/Second.swift")
            #expect(!FileManager.default.fileExists(atPath: file.path))
        }
    }

    @Test(arguments: [
        ("Dropout", "Plugins/Dropout"), ("Testing", "BallastTesting"), ("Trainer", "BallastCore"),
        ("Tensor", "Tensors"), ("Laws", "BallastTesting"), ("Ballast", "Ballast"),
    ])
    func `a name that Ballast has is refused with where it is, and nothing is written`(name: String, place: String)
        throws
    {
        try Program.inFolder { program in
            let outcome = try program.run("new-technique \(name) --at made")
            #expect(outcome.code == 2, "\(outcome)")
            #expect(
                outcome.errors.contains("\"\(name)\"") || outcome.errors.contains("\"Ballast\(name)\""), "\(outcome)")
            #expect(outcome.errors.contains(place), "\(outcome)")
            #expect(!FileManager.default.fileExists(atPath: program.folder.appending(path: "made").path))
        }
    }

    @Test func `a package in a folder with spaces, reached through a link, finds Ballast`() throws {
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
            #expect(outcome.errors.contains("/file/made ") && outcome.errors.contains("/file is a file"), "\(outcome)")
            #expect(outcome.errors.contains("--at DIR"), "\(outcome)")
        }
    }
}
