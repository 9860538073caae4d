import BallastPlugins

extension Sample {
    /// A classifier of 28 x 28 images, and what dropout, L2 and decay do to it.
    static let fashionMNIST = Sample(
        name: "fashion-mnist",
        summary: "a network of three layers on images: dropout, L2, decay, norms, augmentation, and many together",
        lookFor: """
            The gap, train accuracy less test accuracy: at full size dropout takes about a third off it, L2 and \
            decay a little. Their test accuracies hardly differ after ten epochs: this network has only begun to \
            overfit. Batch norm learns faster, tests best and widens the gap; augmentation all but closes it and tests \
            worse, for ten epochs are too few for images that never come twice. \
            And the strengths: L2 at 1e-4 and decay at 0.1 leave weights of about the same size, because Adam \
            rescales the gradient of a penalty and leaves a decoupled decay alone.
            """,
        epochs: 10, quickEpochs: 10, readsFashionMNIST: true,
        effects: [Effect("dropout narrows the gap", .gap, of: "dropout", isBelow: "none")]
    ) { setting in
        let (training, testing) = setting.isQuick ? (6_000, 2_000) : (60_000, 10_000)
        let images =
            try FashionMNIST.load(directory: setting.dataFolder)
            ?? Glyphs.generate(training: training, test: testing)
        let (held, train) = try dataset(images.training, first: training).split(1 / 12)

        // The images have a channel, as augmentation asks for; the network flattens them.
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
            train: train, validation: held, test: try dataset(images.test, first: testing),
            // That L2 under Adam is not weight decay is one of the things to see here, and `all` is everything at once:
            // its dropout stands in front of a batch norm too, whose variance it shifts.
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
