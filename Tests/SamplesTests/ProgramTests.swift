import Foundation
import Testing

@Suite struct ProgramTests {
    @Test func `a run prints its table, and writes an object for each epoch and each result`() throws {
        try Program.inFolder { program in
            let outcome = try program.run("run weight-decay --epochs 3 --seed 5 --seeds 2 --json out.jsonl")
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("l2, seed 6  epoch 3/3"))
            #expect(outcome.output.contains("test loss"))

            let everything = try program.objects("out.jsonl")
            let effects = everything.filter { $0["effect"] != nil }
            #expect(effects.compactMap { $0["observed"] as? Bool } == [true, true])
            #expect(effects.allSatisfy { $0["seeds"] as? Int == 2 && $0["agreeing"] as? Int == 2 })
            let objects = everything.filter { $0["effect"] == nil }
            let epochs = objects.filter { $0["final"] == nil }
            #expect(epochs.count == 2 * 5 * 3)
            #expect(objects.count == epochs.count + 2 * 5)
            let keys = [
                "composition", "epoch", "penalties", "sample", "seed", "trainLoss", "trainMetric", "validationLoss",
                "validationMetric",
            ]
            #expect(epochs.allSatisfy { $0.keys.sorted() == keys })
            let last = try #require(objects.last)
            #expect(
                last.keys.sorted() == [
                    "composition", "epochs", "final", "sample", "seed", "stopReason", "testLoss", "testMetric",
                ])
            #expect(last["epochs"] as? Int == 3)
            #expect(last["stopReason"] as? String == "all 3 epochs done")
            let l2 = try #require(epochs.first { $0["composition"] as? String == "l2" })
            #expect((l2["penalties"] as? [String: Double])?["L2"] ?? 0 > 0)
        }
    }

    @Test(arguments: ["list", "run weight-decay --epochs 1"])
    func `output that cannot be written, as on a full disk, is an error`(line: String) throws {
        try Program.inFolder { program in
            let file = program.folder.appending(path: "output.txt")
            try Data().write(to: file)
            let outcome = try program.run(line, output: try FileHandle(forReadingFrom: file))
            #expect(outcome.code == 1)
            #expect(outcome.errors.contains("samples: the output cannot be written: "), "\(outcome.errors)")
        }
    }

    @Test func `Ctrl-C ends the epoch, and --resume gives the results of a run that was never stopped`() throws {
        try Program.inFolder { program in
            let line = "run weight-decay --epochs 1000 --checkpoint saved --json part.jsonl"
            let stopped = try program.run(line, interruptingAt: "  epoch ")
            #expect(stopped.code == 130, "\(stopped.errors)")
            #expect(stopped.output.contains(" samples \(line) --resume"))
            let stoppedObjects = try program.objects("part.jsonl")
            #expect(stoppedObjects.count < 5 * 1001)
            #expect(!stoppedObjects.contains { $0["effect"] != nil }, "a cancelled run has no effects")
            let resumed = try program.run(line + " --resume --threads 1")
            #expect(resumed.code == 0, "\(resumed.errors)")
            #expect(try program.run("run weight-decay --epochs 1000 --json whole.jsonl").code == 0)
            let (part, whole) = (try program.objects("part.jsonl"), try program.objects("whole.jsonl"))
            #expect(part.count == 5 * 1001 + 2)
            #expect(part as NSArray == whole as NSArray)
        }
    }

    @Test func `effects are checked, and a missing one changes the exit code`() throws {
        try Program.inFolder { program in
            let shown = try program.run("effects weight-decay --json out.jsonl")
            #expect(shown.code == 0, "\(shown.errors)")
            let objects = try program.objects("out.jsonl")
            #expect(objects.filter { $0["final"] != nil }.count == 2 * 5, "only what effects take is run")
            let effects = objects.filter { $0["effect"] != nil }
            #expect(effects.compactMap { $0["observed"] as? Bool } == [true, true])
            #expect(effects.allSatisfy { $0["seeds"] as? Int == 5 && $0["agreeing"] as? Int == 5 })
            // After one epoch the network is still what it began as, which is surest about the middle.
            let missing = try program.run("effects uncertainty --epochs 1 --seeds 2 --json missing.jsonl")
            #expect(missing.code == 1, "\(missing.output)")
            let result = try #require(try program.objects("missing.jsonl").first { $0["effect"] != nil })
            #expect(result["observed"] as? Bool == false && result["expected"] as? Bool == true)
        }
    }

    @Test func `without data on disk, generated glyphs are used, and the output says so`() throws {
        try Program.inFolder { program in
            // An empty home has no cache; the folder of Debian's package is there on some machines.
            let home = ["HOME": program.folder.path, "XDG_CACHE_HOME": program.folder.path]
            let outcome = try program.run("run fashion-mnist --quick --epochs 1", environment: home)
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(
                outcome.output.contains("data: glyphs generated") || outcome.output.contains("data: Fashion-MNIST from")
            )
            #expect(outcome.output.contains("dropout+decay+early-stopping"))
        }
    }

    @Test(arguments: [
        (line: "run fashion", code: Int32(2), message: " fashion-mnist"),
        (line: "run noisy-line --json no/such/folder", code: 2, message: "no/such/folder cannot be written"),
        (line: "run noisy-line --json .", code: 2, message: "Is a directory"),
        (line: "run fashion-mnist --data .", code: 1, message: "has no file train-images-idx3-ubyte"),
    ])
    func `a mistake ends the program with its code and a message`(line: String, code: Int32, message: String) throws {
        try Program.inFolder { program in
            let outcome = try program.run(line)
            #expect(outcome.code == code)
            #expect(outcome.errors.contains(message), "\(outcome.errors)")
            #expect(outcome.output.isEmpty)
        }
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
    func `a full disk does not end a run, but its code says that results are missing`() throws {
        try Program.inFolder { program in
            let outcome = try program.run("run weight-decay --epochs 2 --json /dev/full")
            #expect(outcome.code == 1)
            #expect(outcome.output.contains("proximal-l1  "))
            #expect(outcome.errors.contains("/dev/full cannot be written"), "\(outcome.errors)")
        }
    }

    @Test func `a wrong environment is refused`() throws {
        try Program.inFolder { program in
            let outcome = try program.run("list", environment: ["BALLAST_THREADS": "many"])
            #expect(outcome.code == 2)
            #expect(outcome.errors.contains("BALLAST_THREADS is \"many\""))
        }
    }

    @Test func `every sample has a plan`() throws {
        try Program.inFolder { program in
            let list = try program.run("list").output.split(separator: "\n").map { $0.split(separator: " ")[0] }
            #expect(list.count >= 3)
            for sample in list {
                let plan = try program.run("plan \(sample)")
                #expect(plan.code == 0, "\(plan.errors)")
                #expect(plan.output.contains("\(sample), none\nlossPenalty: none"))
            }
        }
    }
}
