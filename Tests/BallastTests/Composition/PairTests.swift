import Ballast
import BallastPlugins
import Foundation
import Testing

/// Any two techniques compose, and three: a run that is stopped in the middle of an epoch and goes on from its
/// checkpoint arrives at the same bits as one that was not.
struct PairTests {
    /// Every technique that ships, with hyper-parameters under which it acts in each step or epoch.
    static let shipped: [any Technique] = [
        BatchNorm(), DataAugmentation(.horizontalFlip(), .rotation(degrees: 20), .gaussianNoise(deviation: 0.1)),
        DecoupledDecay(0.5), Dropout(0.3), EarlyStopping(patience: 2, minDelta: 1), ElasticNet(1e-2),
        GroupNorm(groups: 2), InstanceNorm(affine: true), L1(1e-2), L2(1e-2), LayerNorm(), ProximalL1(0.1), RMSNorm(),
        ReduceOnPlateau(by: 0.5, patience: 0, threshold: 0.5),
    ]

    /// 11 images in batches of 4: three steps in an epoch, the last of 3 images.
    private func trainer(_ techniques: [any Technique]) -> Trainer {
        Trainer(
            Problem.convolutional, loss: .crossEntropy, optimizer: Adam(learningRate: 0.02), batchSize: 4,
            composition: Composition(techniques))
    }

    /// What a checkpoint holds, to the last bit: variables, the optimizer's slots and copies as bytes, numbers as text.
    private func contents(_ policy: CheckpointPolicy) throws -> [String: [UInt8]] {
        struct State: Decodable {
            struct Number: Decodable {
                let name: String
                let value: Double
                enum Key: CodingKey { case name, value }
                init(from decoder: any Decoder) throws {
                    let container = try decoder.container(keyedBy: Key.self)
                    name = try container.decode(String.self, forKey: .name)
                    // Infinite numbers are written as text.
                    value =
                        try (try? container.decode(Double.self, forKey: .value))
                        ?? Double(container.decode(String.self, forKey: .value)) ?? .nan
                }
            }
            let numbers: [Number]
        }
        let file = try SafetensorsFile(contentsOf: policy.file)
        var contents: [String: [UInt8]] = [:]
        for entry in file.entries { contents[entry.name] = try file.bytes(of: entry.name) }
        let state = try JSONDecoder().decode(State.self, from: Data((file.metadata["ballast.run"] ?? "").utf8))
        for number in state.numbers { contents[number.name] = Array("\(number.value)".utf8) }
        return contents
    }

    /// Sentences for what a stop and a resume change.
    private func changes(by techniques: [any Technique], stoppingAfter steps: Int) throws -> [String] {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let data = try Problem.images(11)
        let trainer = trainer(techniques)
        func policy(_ name: String) -> CheckpointPolicy {
            CheckpointPolicy(in: folder.appending(path: name), everyEpochs: nil)
        }
        let expected = try trainer.fit(
            data, validation: data.prefix(6), epochs: 3, seed: 4, checkpoints: policy("whole"))

        let cancellation = Cancellation()
        let stopped = try trainer.start(
            data, validation: data.prefix(6), epochs: 3, seed: 4, checkpoints: policy("parts"),
            cancellation: cancellation)
        for _ in 0..<steps { try stopped.step() }
        cancellation.cancel()
        try stopped.step()
        let got = try trainer.start(data, validation: data.prefix(6), epochs: 3, seed: 4, checkpoints: policy("parts"))
        guard stopped.end == .cancelled, got.stepCount == steps, steps % 3 != 0 else {
            return ["stopped because of \(stopped.end?.description ?? "nothing"), went on after \(got.stepCount) steps"]
        }
        try got.finish()

        var sentences = differences(got.variables, expected.variables)
        if account(got) != account(expected) {
            sentences.append("the account is \(account(got)), expected \(account(expected))")
        }
        let (files, expectedFiles) = (try contents(policy("parts")), try contents(policy("whole")))
        if !expectedFiles.keys.contains("optimizer/secondMoment/conv1.weight") {
            sentences.append("the checkpoint lacks the optimizer's slots: \(expectedFiles.keys.sorted())")
        }
        for path in Set(files.keys).union(expectedFiles.keys).sorted() where files[path] != expectedFiles[path] {
            sentences.append("\"\(path)\" is not the same in the last checkpoint")
        }
        return sentences
    }

    @Test(arguments: shipped.indices) func `every pair of techniques that ship resumes to the same bits`(
        first: Int
    ) throws {
        for second in Self.shipped.indices where second > first {
            // Both orders stand in the list: one below the diagonal of the table, one above.
            let pair = [Self.shipped[first], Self.shipped[second]]
            let techniques = (first + second).isMultiple(of: 2) ? pair : pair.reversed()
            let sentences = try changes(by: techniques, stoppingAfter: first.isMultiple(of: 2) ? 4 : 5)
            #expect(sentences == [], "\(techniques.map(\.name))")
        }
    }

    /// Each technique is first, second and third once.
    @Test(arguments: shipped.indices) func `triples of techniques resume to the same bits`(first: Int) throws {
        let techniques = [0, 4, 9].map { Self.shipped[(first + $0) % Self.shipped.count] }
        let sentences = try changes(by: techniques, stoppingAfter: 5)
        #expect(sentences == [], "\(techniques.map(\.name))")
    }

    @Test func `the list holds every technique that ships`() throws {
        var folder = URL(filePath: #filePath)
        for _ in 0..<4 { folder.deleteLastPathComponent() }
        let modules = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "Plugins").path)
        #expect(modules.filter { !$0.contains(".") }.sorted() == Self.shipped.map(\.name).sorted())
    }

    @Test(arguments: shipped.indices) func `every technique of the list changes what is trained`(index: Int) throws {
        let data = try Problem.images(11)
        func account(_ techniques: [any Technique]) throws -> [String] {
            let run = try trainer(techniques).fit(data, validation: data.prefix(6), epochs: 5, seed: 4)
            return run.history.map { "\($0.validationLoss ?? .nan)" } + [run.end?.description ?? ""]
        }
        #expect(try account([Self.shipped[index]]) != account([]))
    }
}
