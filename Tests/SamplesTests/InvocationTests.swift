import Foundation
import Testing

@testable import samples

@Suite struct InvocationTests {
    @Test func `the tour is what no argument asks for`() throws {
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

    @Test func `help is given wherever it is asked for`() throws {
        for arguments in [["help"], ["--help"], ["-h"], ["run", "--help"], ["run", "fashion-mnist", "-h"]] {
            #expect(try Invocation(arguments).command == .help, "\(arguments)")
        }
        #expect(Help.text(about: nil).contains("samples fetch fashion-mnist"))
        for option in Command.run.options { #expect(Help.text(about: "run").contains(option.usage)) }
    }

    @Test(arguments: [
        (
            "rnu",
            "there is no command \"rnu\"; did you mean run? There is: list, run, plan, ablate, effects, fetch, new-technique, help"
        ),
        ("noisy-line", "\"noisy-line\" is a sample, not a command; did you mean samples run noisy-line?"),
        ("run", "samples run NAME needs the name of a sample: fashion-mnist"),
        ("run fashion", "there is no sample \"fashion\"; did you mean fashion-mnist? There is: fashion-mnist"),
        ("run noisy-lin", "did you mean noisy-line?"),
        ("run noisy-line more", "\"more\" is too much: the command is samples run NAME"),
        (
            "run noisy-line --epoch 3",
            "there is no option \"--epoch\"; did you mean --epochs? There is: --quick, --epochs N"
        ),
        ("run noisy-line --epochs three", "option --epochs: \"three\" is not a whole number from 1 to 1000000"),
        ("run noisy-line --epochs 0", "option --epochs: \"0\" is not a whole number from 1 to 1000000"),
        ("run noisy-line --epochs", "option --epochs needs a value: --epochs N"),
        ("run noisy-line --epochs --quick", "option --epochs needs a value"),
        ("run noisy-line --epochs -3", "\"-3\" is not a whole number"),
        ("run noisy-line --threads 65", "option --threads: \"65\" is not a whole number from 1 to 64"),
        ("run noisy-line --seed 18446744073709551616", "option --seed: \"18446744073709551616\" is not a whole number"),
        ("run noisy-line --quick --quick", "option --quick is given twice"),
        ("run noisy-line --quick=yes", "option --quick takes no value, but was given \"yes\""),
        ("run noisy-line --json=", "option --json: the path is empty"),
        ("run noisy-line --resume", "option --resume needs --checkpoint DIR"),
        ("run noisy-line --data here", "option --data: the sample noisy-line makes its own data"),
        ("plan noisy-line --quick", "option --quick belongs to samples run NAME; samples plan NAME takes: --data DIR"),
        ("list --quick", "samples list takes no options, but was given --quick"),
        ("fetch", "samples fetch needs the name of a data set: fashion-mnist"),
        ("fetch mnist", "there is no data set \"mnist\""),
        ("run noisy-line --without L2 --only L1", "options --without and --only do not go together"),
        ("run noisy-line --without=", "option --without: the name is empty"),
        ("ablate noisy-line", "samples ablate NAME needs --composition C"),
        ("ablate noisy-line --composition none --seeds 1", "option --seeds: differences need at least 2 seeds"),
        ("ablate noisy-line --composition none --resume", "option --resume needs --checkpoint DIR"),
        ("run noisy-line --jobs 0", "option --jobs: \"0\" is not a whole number from 1 to 64"),
        ("effects noisy-lin", "there is no sample \"noisy-lin\"; did you mean noisy-line?"),
        ("effects noisy-line --quick", "option --quick belongs to samples run NAME; samples effects [NAME] takes:"),
        ("effects noisy-line --data here", "option --data: the sample noisy-line makes its own data"),
        ("help me", "there is no command \"me\""),
        ("--quik", "there is no option \"--quik\""),
    ])
    func `a mistake is named, with what would be right`(line: String, message: String) {
        do {
            _ = try Invocation(line.split(separator: " ").map(String.init))
            Issue.record("\(line) was accepted")
        } catch let error as UsageError {
            #expect(error.description.contains(message), "\(line)")
        } catch {
            Issue.record("\(line): \(error)")
        }
    }

    @Test(arguments: [
        ("fasion-mnist", "fashion-mnist"), ("wieght-decay", "weight-decay"), ("noisy", "noisy-line"), ("zzz", nil),
        ("", nil),
    ])
    func `the nearest word is suggested, and only a near one`(word: String, expected: String?) {
        #expect(nearest(to: word, among: ["fashion-mnist", "noisy-line", "weight-decay"]) == expected)
    }
}
