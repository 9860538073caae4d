import Ballast
import BallastPlugins
import Foundation
import Testing

/// Checkpoints and models that cannot be used say why; a damaged checkpoint gives way to the one before it.
struct CheckpointErrorTests {
    private func trainer(
        _ model: some Layer = Problem.perceptron, optimizer: any Optimizer = Adam(), batchSize: Int = 8
    ) -> Trainer {
        Trainer(model, loss: .crossEntropy, optimizer: optimizer, batchSize: batchSize) { Dropout(0.2) }
    }

    /// A folder with a run of two epochs, saved after each.
    private func withCheckpoint(_ body: (_ folder: URL, _ file: URL, _ data: Dataset) throws -> Void) throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let data = try Problem.rows()
        _ = try trainer().fit(data, epochs: 2, seed: 1, checkpoints: CheckpointPolicy(in: folder))
        try body(folder, folder.appending(path: "run.safetensors"), data)
    }

    private func refusal(
        _ trainer: Trainer, _ folder: URL, _ data: Dataset, seed: UInt64 = 1,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> String {
        message(of: CheckpointError.self, sourceLocation: sourceLocation) {
            _ = try trainer.start(data, epochs: 4, seed: seed, checkpoints: CheckpointPolicy(in: folder))
        }
    }

    @Test func `a checkpoint of another run is refused with what differs`() throws {
        try withCheckpoint { folder, file, data in
            let wider = Sequential {
                Linear(17)
                ReLU()
                Linear(8)
                ReLU()
                Linear(3)
            }
            expect(
                refusal(trainer(wider), folder, data), holds: file.path, "is of another run",
                "\"linear1.weight\" has shape [10, 16] in the file, but [10, 17] is needed",
                "start anew in another folder")
            let deeper = Sequential {
                Problem.perceptron
                Tanh()
            }
            expect(
                refusal(trainer(deeper), folder, data),
                holds: "\"sequential1.linear1.weight\" of shape [10, 16] is not in the file",
                "variables that this model lacks: linear1.bias, linear1.weight")
            expect(
                refusal(trainer(optimizer: SGD(learningRate: 0.1, momentum: 0.9)), folder, data),
                holds: "\"optimizer/momentum/linear1.weight\" of shape [10, 16] is not in the file",
                "optimizer/firstMoment/linear1.bias")
            expect(refusal(trainer(), folder, data, seed: 2), holds: "saved with seed 1, this run has 2")
            expect(refusal(trainer(batchSize: 9), folder, data), holds: "batch size 8, this run has 9")
            expect(refusal(trainer(), folder, data.prefix(50)), holds: "sample count 53, this run has 50")
            // Refusing leaves the checkpoint as it is.
            let run = try trainer().start(data, epochs: 4, seed: 1, checkpoints: CheckpointPolicy(in: folder))
            #expect(run.history.count == 2)
        }
    }

    /// Writes a file again with other metadata.
    private func rewrite(_ file: URL, _ change: (inout [String: String]) -> Void) throws {
        let old = try SafetensorsFile(contentsOf: file)
        var metadata = old.metadata
        change(&metadata)
        let sources = try old.entries.map { entry in
            let bytes = try old.bytes(of: entry.name)
            return SafetensorsFile.Source(entry.name, entry.type, shape: entry.shape) { body in
                try bytes.withUnsafeBytes { try body($0) }
            }
        }
        try SafetensorsFile.write(sources, metadata: metadata, to: file, keepsPrevious: false)
    }

    @Test func `a checkpoint of another version, a model, and a place where no run can be are refused`() throws {
        try withCheckpoint { folder, file, data in
            try rewrite(file) { $0["ballast.version"] = "1" }
            expect(
                refusal(trainer(), folder, data), holds: file.path, "format version 1", "reads version 2",
                "the version of Ballast that wrote it")
            for (place, wrong) in [
                ("\"step\":14,", "\"step\":21,"), ("\"step\":14,", "\"step\":13,"),
                ("\"epoch\":1,", "\"epoch\":2,"),
                ("\"step\":14,", "\"step\":9223372036854775807,"), ("\"step\":14,", "\"step\":-1,"),
            ] {
                try rewrite(file) {
                    $0["ballast.version"] = "2"
                    $0["ballast.run"] = $0["ballast.run"]?.replacing(place, with: wrong)
                }
                expect(refusal(trainer(), folder, data), holds: file.path, "does not say where its run is")
                try rewrite(file) { $0["ballast.run"] = $0["ballast.run"]?.replacing(wrong, with: place) }
            }
            #expect(try trainer().start(data, epochs: 4, seed: 1, checkpoints: CheckpointPolicy(in: folder)).epoch == 2)
            try rewrite(file) { $0["ballast.run"] = nil }
            expect(refusal(trainer(), folder, data), holds: "is a model, not a run")
        }
    }

    @Test(arguments: [0, 7, 100, 1500, -1])
    func `a checkpoint that is cut short gives way to the one before it, and that is said`(length: Int) throws {
        let expected = try trainer().fit(Problem.rows(), epochs: 4, seed: 1)
        try withCheckpoint { folder, file, data in
            let whole = try Data(contentsOf: file)
            try whole.prefix(length < 0 ? whole.count + length : length).write(to: file)
            var notes: [String] = []
            var place: String?
            let run = try trainer().fit(data, epochs: 4, seed: 1, checkpoints: CheckpointPolicy(in: folder)) { event in
                if case .noted(let note) = event { notes.append(note) }
                if case .started(let run, let from) = event {
                    place = from
                    #expect(run.epoch == 1)
                }
            }
            #expect(notes.count == 1)
            expect(
                notes.first ?? "", holds: file.path, "cut off", "resuming from the checkpoint before it",
                file.path + ".previous")
            #expect(place == file.path + ".previous")
            #expect(differences(run.variables, expected.variables) == [])
            #expect(account(run) == account(expected))
        }
    }

    @Test func `run state that cannot be read gives way to the checkpoint before it`() throws {
        try withCheckpoint { folder, file, data in
            try rewrite(file) { $0["ballast.run"] = "{\"seed\":" }
            var notes: [String] = []
            let run = try trainer().start(data, epochs: 4, seed: 1, checkpoints: CheckpointPolicy(in: folder)) {
                event in
                if case .noted(let note) = event { notes.append(note) }
            }
            #expect(run.epoch == 1)
            expect(notes.first ?? "", holds: file.path, "run state cannot be read")
        }
    }

    @Test func `a checkpoint that is missing gives way to the one before it, and that is said`() throws {
        try withCheckpoint { folder, file, data in
            try FileManager.default.removeItem(at: file)
            var notes: [String] = []
            let run = try trainer().start(data, epochs: 4, seed: 1, checkpoints: CheckpointPolicy(in: folder)) {
                event in
                if case .noted(let note) = event { notes.append(note) }
            }
            #expect(run.epoch == 1)
            expect(notes.first ?? "", holds: file.path, "is missing", ".previous")
        }
    }

    @Test func `two checkpoints that are cut short are refused, both named`() throws {
        try withCheckpoint { folder, file, data in
            let previous = URL(filePath: file.path + ".previous")
            for damaged in [file, previous] { try Data(contentsOf: damaged).prefix(50).write(to: damaged) }
            expect(
                refusal(trainer(), folder, data), holds: "no checkpoint can be read", file.path + ":",
                previous.path + ":",
                "Remove the files to start anew")
            #expect(try Data(contentsOf: file).count == 50, "nothing is removed")
        }
    }

    @Test func `a model file of another model, of none and of a run is refused`() throws {
        try withCheckpoint { folder, file, data in
            let saved = folder.appending(path: "model.safetensors")
            let run = try trainer().fit(data, epochs: 1, seed: 1)
            try run.saveModel(to: saved)
            let input = Tensor.uniform([4, 10], from: RandomStream(seed: 1, purpose: "input"))
            let loaded = try trainer().loadModel(from: saved)
            #expect(difference(try loaded.predict(input), try run.predict(input), "prediction") == nil)
            #expect(differences(loaded.variables, run.variables) == [])
            expect(
                message(of: DataError.self) { _ = try loaded.predict(.zeros([4, 9])) }, holds: "[batch] + [10]",
                "[4, 9]")
            func text(_ trainer: Trainer, _ url: URL) -> String {
                message(of: CheckpointError.self) { _ = try trainer.loadModel(from: url) }
            }
            let narrower = Sequential {
                Linear(16)
                ReLU()
                Linear(3)
            }
            expect(
                text(trainer(narrower), saved), holds: saved.path, "is of another model",
                "\"linear2.weight\" has shape [16, 8] in the file, but [16, 3] is needed",
                "variables that the model lacks: linear3.bias, linear3.weight")
            expect(text(trainer(), file), holds: file.path, "does not say which inputs its model takes")
        }
    }

    @Test func `a model that was trained with averages that only training needs is loaded`() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let data = try Problem.rows()
        let trainer = Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: Adam(), batchSize: 8) { Tracker() }
        let run = try trainer.fit(data, epochs: 1)
        let file = folder.appending(path: "model.safetensors")
        try run.saveModel(to: file)
        let input = Tensor.uniform([4, 10], from: RandomStream(seed: 1, purpose: "input"))
        let loaded = try trainer.loadModel(from: file)
        #expect(difference(try loaded.predict(input), try run.predict(input), "prediction") == nil)
    }

    @Test func `where there is no room, the run says so, keeps the checkpoint before, and can go on`() async {
        await #expect(processExitsWith: .success) {
            let folder = try temporaryFolder()
            defer { try? FileManager.default.removeItem(at: folder) }
            let data = try Problem.rows()
            let trainer = Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: Adam(), batchSize: 8)
            let policy = CheckpointPolicy(in: folder, everyEpochs: nil, everySteps: 2)
            let expected = try trainer.fit(data, epochs: 2, seed: 1)
            let notes = Log()
            let run = try trainer.start(data, epochs: 2, seed: 1, checkpoints: policy) { event in
                if case .noted(let note) = event { notes.add(note) }
            }
            for _ in 0..<3 { try run.step() }
            limitFileSize(to: 2000)
            try run.step()
            try ensure(notes.all.count == 1, "\(notes.all)")
            for part in ["step 4 (epoch 0): the run cannot be saved", "run.safetensors", "File too large", "untouched"]
            {
                try ensure(notes.all[0].contains(part), "\"\(part)\" is missing in: \(notes.all)")
            }
            limitFileSize(to: nil)
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            try ensure(names.sorted() == ["run.lock", "run.safetensors"], "\(names)")
            let resumedAt = try trainer.start(data, epochs: 2, seed: 1, checkpoints: policy).stepCount
            try ensure(resumedAt == 2, "the checkpoint before is of step \(resumedAt)")
            // The run itself goes on once there is room.
            try run.finish()
            let wrong = differences(run.variables, expected.variables)
            try ensure(wrong.isEmpty, "\(wrong)")
        }
    }

    @Test func `a folder that cannot be made is named`() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let taken = folder.appending(path: "taken")
        try Data([1]).write(to: taken)
        let text = message(of: CheckpointError.self) {
            _ = try trainer().fit(Problem.rows(), epochs: 1, checkpoints: CheckpointPolicy(in: taken))
        }
        expect(text, holds: taken.path, "Not a directory", "Choose a folder")
        #expect(try Data(contentsOf: taken) == Data([1]))
    }
}

/// Lets files of this process grow no further; nil for no limit.
private func limitFileSize(to bytes: UInt64?) {
    signal(SIGXFSZ, SIG_IGN)
    var limit = rlimit()
    #if canImport(Darwin)
        let what = RLIMIT_FSIZE
    #else
        let what = __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
    #endif
    getrlimit(what, &limit)
    limit.rlim_cur = bytes.map { rlim_t($0) } ?? limit.rlim_max
    setrlimit(what, &limit)
}
