import BallastPlugins
import Synchronization

extension Sample {
    /// A convolutional network on few images, where augmentation pays.
    static let smallImages = Sample(
        name: "small-images",
        summary: "a convolutional network on 1,000 images: early stopping, augmentation, dropout per channel, and all",
        lookFor: """
            Without regularization the network knows its 1,000 images by heart after a few epochs, and its validation \
            loss rises from there. Early stopping takes the model from before that. Augmentation slows the learning \
            by heart, since no image comes twice, and needs more epochs. Compare the losses: with early stopping \
            it beats none by the test loss, 0.50 to 0.64 over 5 seeds, but not by the accuracy, 82 % to 84 %. \
            At the quick size it only costs.
            """,
        epochs: 60, quickEpochs: 6, readsFashionMNIST: true,
        effects: [
            Effect(
                "augmentation and early stopping beat none by the loss", .testLoss, of: "augmentation+early-stopping",
                isBelow: "none"),
            Effect(
                "augmentation and early stopping beat none by the accuracy", .testAccuracy,
                of: "augmentation+early-stopping", isAbove: "none",
                isExpected: false),
        ]
    ) { setting in
        let images =
            try FashionMNIST.load(directory: setting.dataFolder) ?? Glyphs.generate(training: 2_000, test: 2_000)
        let (count, held, tested) = setting.isQuick ? (400, 200, 500) : (1_000, 500, 2_000)
        let data = try dataset(images.training)
        let train = data.prefix(count)
        let augmentation = Composition {
            DataAugmentation(
                .horizontalFlip(), .rotation(degrees: 10), .crop(padding: 2), fill: -1, range: -1...1)
        }
        let early = Composition { EarlyStopping(patience: 5) }
        let dropout = Composition { Dropout(0.2, at: .after(.kind("maxPool")), per: .channel) }
        // The network has batch norm throughout: it is what all compositions share.
        let norm = Composition { BatchNorm(at: .before(.activations)) }
        return Experiment(
            source: "\(images.source), the first \(count)",
            train: train, validation: data.subset(count..<count + held), test: try dataset(images.test).prefix(tested),
            trainer: Trainer(
                Sequential {
                    Conv2d(16, kernel: 3, padding: 1); ReLU(); MaxPool2d(2)
                    Conv2d(32, kernel: 3, padding: 1); ReLU(); MaxPool2d(2)
                    Flatten()
                    Linear(64); ReLU()
                    Linear(10)
                }, loss: .crossEntropy, optimizer: Adam(learningRate: 2e-3), batchSize: 64,
                // Batch norm is throughout, so that dropout of channels stands in front of one, and shifts its variance.
                silencing: ["dropout-before-batch-norm"]),
            compositions: [
                ("none", norm),
                ("early-stopping", norm + early),
                ("augmentation", augmentation + norm),
                ("augmentation+early-stopping", augmentation + norm + early),
                ("dropout", norm + dropout),
                ("all", augmentation + norm + dropout + early),
            ],
            pictures: { _ in [.figure(try augmented(train.prefix(12), augmentation))] })
    }

    private static func dataset(_ split: DemonstrationImages.Split) throws -> Dataset {
        let side = DemonstrationImages.side
        return try Dataset(
            inputs: Column(bytes: split.pixels, itemShape: [1, side, side], scale: 2 / 255, offset: -1),
            targets: Column(integers: split.labels))
    }

    /// The first images as they are, and as three epochs see them.
    static func augmented(_ data: Dataset, _ composition: Composition) throws -> ImageGrid {
        let onlooker = Onlooker()
        let trainer = Trainer(
            Sequential {
                Flatten(); Linear(10)
            }, loss: .crossEntropy, optimizer: SGD(learningRate: 0),
            batchSize: data.count, composition: composition + Composition([onlooker]))
        _ = try trainer.fit(data, epochs: 3)
        let side = DemonstrationImages.side
        func images(_ pixels: [Float]) -> [[Float]] {
            (0..<data.count).map { pixels[$0 * side * side..<($0 + 1) * side * side].map { ($0 + 1) / 2 } }
        }
        let plain = data.batches(ofSize: data.count).flatMap(Onlooker.pixels)
        let seen = onlooker.box.seen.withLock { $0 }
        return ImageGrid(
            "Augmented images", images: [images(plain)] + seen.map(images), side: side,
            note: "In the first row as they are, below as three epochs see them.")
    }
}

/// Keeps a copy of what enters the model, whatever order an epoch goes through the data in.
private struct Onlooker: BatchWrapper {
    let box = Box()

    final class Box: Sendable {
        let seen = Mutex<[[Float]]>([])
    }

    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        box.seen.withLock { $0.append(Onlooker.pixels(of: batch)) }
        return batch
    }

    /// The pixels of a batch, sample by sample in the order of their positions in the data.
    static func pixels(of batch: Batch) -> [Float] {
        let pixels = batch.input.scalars
        let size = pixels.count / batch.count
        let order = batch.samples.enumerated().sorted { $0.element < $1.element }
        return order.flatMap { pixels[$0.offset * size..<($0.offset + 1) * size] }
    }
}
