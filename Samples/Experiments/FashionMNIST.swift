import BallastPlugins

extension Sample {
    /// A classifier of 28 x 28 images, and what dropout, L2 and decay do to it.
    static let fashionMNIST = Sample(
        name: "fashion-mnist",
        summary: "a network of three layers on images: dropout, L2, decay, norms, augmentation, and all together",
        lookFor: """
            The gap, train accuracy minus test accuracy: at full size dropout reduces it by about a third, L2 and \
            decay a little. Test accuracies hardly differ after ten epochs, because this network has only begun to \
            overfit. Batch norm learns faster, has the highest test accuracy and widens the gap. Augmentation almost \
            closes the gap but has a lower test accuracy: ten epochs are too few when no image comes twice. \
            Compare the strengths too: L2 at 1e-4 and decay at 0.1 lead to weights of about the same size, because Adam \
            rescales the gradient of a penalty but not a decoupled decay.
            """,
        epochs: 10, quickEpochs: 10, readsFashionMNIST: true,
        effects: [Effect("dropout narrows the gap", .gap, of: "dropout", isBelow: "none")]
    ) { options in
        let (training, testing) = options.isQuick ? (6_000, 2_000) : (60_000, 10_000)
        let images =
            try FashionMNIST.load(directory: options.dataFolder)
            ?? Glyphs.generate(training: training, test: testing)
        let (validation, train) = try dataset(images.training, first: training).split(1 / 12)

        // The images have a channel, which augmentation requires; the network flattens them.
        let model = Sequential {
            Flatten()
            Linear(256); ReLU()
            Linear(128); ReLU()
            Linear(10)
        }
        let dropout = Composition {
            Dropout(0.3, at: .after("relu1"), named: "dropout1")
            Dropout(0.5, at: .after("relu2"), named: "dropout2")
        }
        let augmentation = Composition {
            DataAugmentation(.horizontalFlip(), .translation(pixels: 2), fill: -1, range: -1...1)
        }
        return Experiment(
            source: "\(images.source)",
            train: train, validation: validation, test: try dataset(images.test, first: testing),
            // Intended here: L2 under Adam, to compare it with weight decay, and dropout before a batch norm in `all`.
            trainer: Trainer(
                model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3), batchSize: 128,
                silencing: ["adaptive-l2", "dropout-before-batch-norm"]),
            compositions: [
                ("none", Composition()),
                ("dropout", dropout),
                ("l2", Composition { L2(1e-4) }),
                ("decay", Composition { DecoupledDecay(0.1) }),
                (
                    "dropout+decay+early-stopping",
                    Composition {
                        dropout
                        DecoupledDecay(0.1)
                        EarlyStopping(patience: 3)
                    }
                ),
                ("batch-norm", Composition { BatchNorm(at: .before(.activations)) }),
                ("layer-norm", Composition { LayerNorm(at: .before(.activations)) }),
                ("rms-norm", Composition { RMSNorm(at: .before(.activations)) }),
                ("augmentation", augmentation),
                (
                    "all",
                    Composition {
                        augmentation
                        BatchNorm(at: .before(.activations))
                        dropout
                        DecoupledDecay(0.1)
                        EarlyStopping(patience: 3)
                    }
                ),
            ],
            pictures: { _ in [.figure(try augmented(train.prefix(12), augmentation))] })
    }

    /// Pixels stay bytes until their batch is made, and become -1...1 there.
    private static func dataset(_ split: DemonstrationImages.Split, first count: Int) throws -> Dataset {
        let side = DemonstrationImages.side
        return try Dataset(
            inputs: Column(bytes: split.pixels, itemShape: [1, side, side], scale: 2 / 255, offset: -1),
            targets: Column(integers: split.labels)
        ).prefix(count)
    }
}
