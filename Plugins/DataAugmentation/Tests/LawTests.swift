import Ballast
import BallastDataAugmentation
import Foundation
import Synchronization
import Testing

/// Keeps the inputs that reach the model, by epoch and sample; stands behind the techniques that it watches.
private struct Recorder: BatchWrapper {
    final class Memory: Sendable {
        private let inputs = Mutex<[String: [Float]]>([:])

        func keep(_ input: [Float], epoch: Int, sample: Int32) {
            inputs.withLock { $0["epoch \(epoch), sample \(sample)"] = input }
        }

        var kept: [String: [Float]] { inputs.withLock { $0 } }
    }

    let memory = Memory()

    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        let width = batch.input.elementCount / batch.count
        for (row, sample) in batch.samples.enumerated() {
            let pixels = Array(batch.input.scalars[row * width..<(row + 1) * width])
            memory.keep(pixels, epoch: context.epoch, sample: sample)
        }
        return batch
    }
}

@Suite struct DataAugmentationLawTests {
    static let count = 11
    static let augmentation = DataAugmentation(
        .horizontalFlip(), .rotation(degrees: 20), .scale(0.8...1.2), .crop(padding: 1), .resizedCrop(),
        .brightness(0.3), .contrast(0.3), .saturation(0.3), .hue(0.1), .gaussianNoise(deviation: 0.05), .erasing(),
        .featureMasking(0.1))

    /// Images of three channels, kept as bytes.
    static func images() throws -> Dataset {
        let bytes = (0..<count * 3 * 5 * 4).map { UInt8(truncatingIfNeeded: $0 &* 83 &+ $0 / 7) }
        return try Dataset(
            inputs: Column(bytes: bytes, itemShape: [3, 5, 4]),
            targets: Column(integers: (0..<Int32(count)).map { $0 % 3 }))
    }

    private func trainer(batchSize: Int, _ techniques: [any Technique]) -> Trainer {
        let model = Sequential {
            Flatten()
            Linear(3)
        }
        return Trainer(
            model, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1), batchSize: batchSize,
            composition: Composition(techniques))
    }

    /// What reaches the model in two epochs.
    private func inputs(batchSize: Int, seed: UInt64 = 5, _ techniques: [any Technique]) throws -> [String: [Float]] {
        let recorder = Recorder()
        _ = try trainer(batchSize: batchSize, techniques + [recorder]).fit(try Self.images(), epochs: 2, seed: seed)
        return recorder.memory.kept
    }

    private func pixels(_ position: Int) throws -> [Float] {
        let data = try Self.images()
        return data.batches(ofSize: 1).map { $0.input.scalars }[position]
    }

    @Test func `a sample's pixels depend on seed, epoch and sample alone, not on batch size and order`() throws {
        let whole = try inputs(batchSize: 11, [Self.augmentation])
        #expect(whole.count == 22)
        for size in [1, 3, 4] {
            #expect(try inputs(batchSize: size, [Self.augmentation]) == whole, "batches of \(size)")
        }
        #expect(try inputs(batchSize: 4, seed: 6, [Self.augmentation]) != whole)
    }

    @Test func `every sample draws its own values, and others in the next epoch`() throws {
        // Of images that are all the same, changed ones all differ.
        let data = try Dataset(
            inputs: Column(floats: (0..<40 * 20).map { Float($0 % 20) / 20 }, itemShape: [1, 4, 5]),
            targets: Column(integers: Array(repeating: 0, count: 40)))
        let recorder = Recorder()
        let noise = DataAugmentation(.rotation(degrees: 40))
        _ = try trainer(batchSize: 16, [noise, recorder]).fit(data, epochs: 3, seed: 1)
        #expect(Set(recorder.memory.kept.values).count == 120)
    }

    @Test func `other techniques do not move the draws`() throws {
        let alone = try inputs(batchSize: 4, [Self.augmentation])
        let other = DataAugmentation(.rotation(degrees: 0), .horizontalFlip(probability: 0), named: "other")
        #expect(try inputs(batchSize: 4, [other, Self.augmentation]) == alone)
        let renamed = DataAugmentation(Self.augmentation.transforms, named: "renamed")
        #expect(try inputs(batchSize: 4, [renamed]) != alone)
    }

    @Test func `probability 0 keeps the bits, and bytes arrive scaled`() throws {
        let never = DataAugmentation(
            .verticalFlip(probability: 0), .rotation(degrees: 90, probability: 0), .hue(0.5, probability: 0),
            .gaussianNoise(deviation: 9, probability: 0), .erasing(probability: 0))
        let kept = try inputs(batchSize: 4, [never])
        for sample in 0..<Self.count {
            for epoch in 0..<2 { #expect(try kept["epoch \(epoch), sample \(sample)"] == pixels(sample)) }
        }
    }

    @Test func `probability 1 changes every sample in the same way`() throws {
        let always = try inputs(batchSize: 4, [DataAugmentation(.verticalFlip(probability: 1))])
        for sample in 0..<Self.count {
            let original = try pixels(sample)
            let rows = [4, 3, 2, 1, 0, 9, 8, 7, 6, 5, 14, 13, 12, 11, 10]
            let flipped = rows.flatMap { row in original[4 * row..<4 * row + 4] }
            #expect(always["epoch 1, sample \(sample)"] == flipped, "sample \(sample)")
        }
    }

    @Test func `nothing happens outside training`() throws {
        let data = try Self.images()
        let run = try trainer(batchSize: 4, [Self.augmentation]).fit(data, validation: data, epochs: 1, seed: 2)
        let bare = try trainer(batchSize: 4, []).start(data, epochs: 1, seed: 2)
        try bare.replaceVariables(run.variables)
        let input = Tensor(try (0..<Self.count).flatMap(pixels), shape: [Self.count, 3, 5, 4])
        let (got, expected) = (try run.predict(input), try bare.predict(input))
        #expect(got.scalars == expected.scalars)
        let loss = try bare.evaluate(data).loss
        #expect(run.history[0].validationLoss == loss)
    }

    @Test func `targets stay beside their samples`() throws {
        let data = try Self.images()
        let batch = Batch(
            input: Tensor.zeros([2, 1, 3, 3]), target: Tensor(integers: [4, 7]))
        #expect(batch.samples.elementsEqual([0, 1]))
        let recorder = TargetRecorder()
        _ = try trainer(batchSize: 4, [Self.augmentation, recorder]).fit(data, epochs: 1)
        #expect(recorder.memory.kept.count == Self.count)
        for sample in 0..<Self.count {
            #expect(recorder.memory.kept["epoch 0, sample \(sample)"] == [Float(sample % 3)], "sample \(sample)")
        }
    }

    private struct TargetRecorder: BatchWrapper {
        let memory = Recorder.Memory()

        func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
            for (label, sample) in zip(batch.target.integers, batch.samples) {
                memory.keep([Float(label)], epoch: context.epoch, sample: sample)
            }
            return batch
        }
    }

    private static let shape: Shape = [9, 3, 40, 33]  // more than one piece of work
    private static var streams: [RandomStream] {
        (0..<9).map { RandomStream(seed: 8, purpose: "x").at(epoch: 3, sample: $0 * 5) }
    }

    @Test func `the bits do not depend on the number of threads`() async {
        await #expect(processExitsWith: .success) {
            let input = Tensor.uniform(
                DataAugmentationLawTests.shape, from: RandomStream(seed: 1, purpose: "batch"))
            Kernels.threadCount = 1
            let alone = DataAugmentationLawTests.augmentation
                .altered(input, streams: DataAugmentationLawTests.streams).scalars
            for count in [2, 5] {
                Kernels.threadCount = count
                let shared = DataAugmentationLawTests.augmentation
                    .altered(input, streams: DataAugmentationLawTests.streams).scalars
                precondition(shared == alone, "\(count) threads give other bits than one")
            }
        }
    }

    @Test func `what a batch gets is what each sample draws`() {
        let shape = Self.shape
        let streams = Self.streams
        let input = Tensor.uniform(shape, from: RandomStream(seed: 1, purpose: "batch"))
        let together = Self.augmentation.altered(input, streams: streams)
        let width = shape.elementCount(in: 1..<4)
        for sample in 0..<9 {
            let range = sample * width..<(sample + 1) * width
            let image = Tensor(Array(input.scalars[range]), shape: [3, 40, 33])
            let drawn = Self.augmentation.alterations(from: streams[sample], for: Extent(image.shape))
            let alone = Self.augmentation.applying(drawn, to: image)
            #expect(alone.scalars == Array(together.scalars[range]), "sample \(sample), \(drawn)")
            #expect(alone.scalars != image.scalars, "sample \(sample)")
        }
    }

    @Test func `a run that is stopped in mid-epoch and resumed ends with the same bits`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "ballast-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let data = try Self.images()
        let trainer = trainer(batchSize: 2, [Self.augmentation])
        let whole = try trainer.fit(data, epochs: 3, seed: 9)
        let policy = CheckpointPolicy(in: folder, everyEpochs: nil, everySteps: 4)
        let stopped = try trainer.start(data, epochs: 3, seed: 9, checkpoints: policy)
        for _ in 0..<9 { try stopped.step() }
        let resumed = try trainer.start(data, epochs: 3, seed: 9, checkpoints: policy)
        #expect(resumed.stepCount == 8)
        #expect(resumed.epoch == 1)
        try resumed.finish()
        #expect(resumed.variables.entries.map(\.path) == whole.variables.entries.map(\.path))
        for (got, expected) in zip(resumed.variables.entries, whole.variables.entries) {
            #expect(got.value.scalars == expected.value.scalars, "\(got.path)")
        }
        let other = try trainer.fit(data, epochs: 3, seed: 10)
        #expect(other.variables.entries[0].value.scalars != whole.variables.entries[0].value.scalars)
    }
}
