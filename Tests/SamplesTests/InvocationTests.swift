import Foundation
import Testing

@testable import samples

@Suite struct InvocationTests {
    @Test func `without arguments the program runs the tour`() throws {
        let invocation = try Invocation([])
        #expect(invocation.command == .tour)
        #expect(invocation.options == RunOptions())
    }

    @Test func `every option of run is read, in both spellings of its value`() throws {
        let text = """
            run fashion-mnist --quick --epochs 3 --seed=7 --seeds 2 --jobs 4 --threads=1 --data d --json j --checkpoint c --resume
            """
        let invocation = try Invocation(text.split(separator: " ").map(String.init))
        let options = invocation.options
        #expect(invocation.command == .run)
        #expect(invocation.operand == "fashion-mnist")
        #expect(options.isQuick && options.resumes)
        #expect(options.epochs == 3 && options.threads == 1 && options.jobs == 4)
        #expect(options.seeds == [7, 8])
        #expect(options.dataFolder?.relativePath == "d" && options.jsonFile?.relativePath == "j")
        #expect(options.checkpointFolder?.relativePath == "c")
    }

    @Test func `help is given wherever it is requested`() throws {
        for arguments in [["help"], ["--help"], ["-h"], ["run", "--help"], ["run", "fashion-mnist", "-h"]] {
            #expect(try Invocation(arguments).command == .help, "\(arguments)")
        }
        for command in Command.allCases {
            let page = Help.text(about: command.rawValue)
            for option in command.options { #expect(page.contains("  \(option.usage)  "), "\(page)") }
        }
    }

    @Test func `the wording of the help pages is that of the file`() throws {
        let pages = Command.allCases.map { "$ samples help \($0.rawValue)\n\(Help.text(about: $0.rawValue))" }
        try Golden.expect(pages.joined(separator: "\n\n"), is: "help.txt")
    }
}
