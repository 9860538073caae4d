import Ballast
import BallastDataAugmentation
import Testing

/// Hyper-parameters and inputs that make no sense are refused, with the value and what is allowed.
@Suite struct DataAugmentationRefusalTests {
    @Test(
        arguments: [
            (.horizontalFlip, 1.5, "horizontalFlip: the probability must be in 0...1 but is 1.5"),
            (
                .erasing(scale: 0.1...0.2, ratio: 1...1, value: nil), -0.1,
                "erasing: the probability must be in 0...1 but is -0.1"
            ),
            (.verticalFlip, .nan, "verticalFlip: the probability must be in 0...1 but is nan"),
            (.rotation(degrees: -3), 1, "rotation: degrees must be in 0.0...180.0 but is -3.0"),
            (.rotation(degrees: 181), 1, "rotation: degrees must be in 0.0...180.0 but is 181.0"),
            (.translation(pixels: -1), 1, "translation: the number of pixels must be in 0...32768 but is -1"),
            (.relativeTranslation(fraction: 1.1), 1, "translation: the fraction must be in 0.0...1.0 but is 1.1"),
            (.scale(-0.5...1), 1, "scale: the factors must be above 0 and finite but are -0.5...1.0"),
            (.scale(0.5...(.infinity)), 1, "scale: the factors must be above 0 and finite but are 0.5...inf"),
            (.shear(degrees: 90, vertical: 0), 1, "shear: degrees must be in 0.0...89.0 but is 90.0"),
            (.shear(degrees: 0, vertical: -1), 1, "shear: vertical degrees must be in 0.0...89.0 but is -1.0"),
            (.crop(height: nil, width: nil, padding: -2), 1, "crop: the padding must be in 0...32768 but is -2"),
            (.crop(height: 0, width: 3, padding: 0), 1, "crop: the height must be in 1...32768 but is 0"),
            (.crop(height: 3, width: -3, padding: 0), 1, "crop: the width must be in 1...32768 but is -3"),
            (
                .resizedCrop(scale: 0.5...1.5, ratio: 1...1), 1,
                "resizedCrop: the shares of the area must be above 0 and at most 1 but are 0.5...1.5"
            ),
            (
                .resizedCrop(scale: 0.5...1, ratio: 0...1), 1,
                "resizedCrop: the ratios must be above 0 and finite but are 0.0...1.0"
            ),
            (
                .erasing(scale: 0...0.5, ratio: 1...1, value: nil), 1,
                "erasing: the shares of the area must be above 0 and at most 1 but are 0.0...0.5"
            ),
            (.erasing(scale: 0.1...0.5, ratio: 1...1, value: .nan), 1, "erasing: the value must be finite but is nan"),
            (.brightness(-0.1), 1, "brightness: the amount must be in 0..<infinity but is -0.1"),
            (.contrast(.infinity), 1, "contrast: the amount must be in 0..<infinity but is inf"),
            (.saturation(-1), 1, "saturation: the amount must be in 0..<infinity but is -1.0"),
            (.hue(0.6), 1, "hue: the amount must be in 0.0...0.5 but is 0.6"),
            (.gaussianNoise(deviation: -1), 1, "gaussianNoise: the deviation must be in 0..<infinity but is -1.0"),
            (.featureJitter(-1, deviations: nil), 1, "featureJitter: the amount must be in 0..<infinity but is -1.0"),
            (
                .featureJitter(1, deviations: []), 1,
                "featureJitter: there must be a deviation for each feature, but there are none"
            ),
            (
                .featureJitter(1, deviations: [1, -2]), 1,
                "featureJitter: deviations must be in 0..<infinity but number 1 is -2.0"
            ),
            (.featureMasking(1.1, value: 0), 1, "featureMasking: the share must be in 0.0...1.0 but is 1.1"),
        ] as [(Augmentation.Kind, Float, String)])
    func `bad hyper-parameters are refused`(_ kind: Augmentation.Kind, _ probability: Float, _ message: String) {
        #expect(Augmentation.problem(with: kind, probability: probability) == message)
    }

    @Test func `the limits themselves are taken`() {
        let all: [Augmentation] = [
            .horizontalFlip(probability: 0), .verticalFlip(probability: 1), .rotation(degrees: 0),
            .rotation(degrees: 180),
            .translation(pixels: 0), .translation(fraction: 1), .scale(1...1), .shear(degrees: 89, vertical: 89),
            .crop(padding: 0), .crop(height: 1, width: 1), .resizedCrop(scale: 1...1), .brightness(0), .hue(0.5),
            .gaussianNoise(deviation: 0), .erasing(scale: 0.1...1), .featureJitter(0), .featureMasking(1),
        ]
        let augmentation = DataAugmentation(all, range: -1...1)
        #expect(augmentation.transforms == all)
        // An image of one pixel survives them all.
        let stream = RandomStream(seed: 1, purpose: "limits")
        #expect(
            augmentation.altered(.ones([2, 1, 1, 1]), streams: [stream.at(0), stream.at(1)]).shape == [2, 1, 1, 1])
    }

    @Test func `an empty list and a bad fill or range are refused`() {
        func problem(_ transforms: [Augmentation], _ fill: Float, _ range: ClosedRange<Float>) -> String? {
            DataAugmentation.problem(with: transforms, fill: fill, range: range)
        }
        #expect(problem([.horizontalFlip()], 0, 0...1) == nil)
        #expect(problem([], 0, 0...1)?.contains("the list of transforms is empty") == true)
        #expect(problem([.horizontalFlip()], .nan, 0...1) == "DataAugmentation: the fill must be finite but is nan")
        #expect(problem([.horizontalFlip()], 0, 1...1)?.contains("but is 1.0...1.0") == true)
    }

    @Test func `refusing stops the program`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Augmentation.hue(0.75)
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("hue: the amount must be in 0.0...0.5 but is 0.75"), "\(text)")
    }

    // MARK: While composing

    private func diagnostics(
        _ transforms: [Augmentation], shape: Shape, silencing: Set<String> = []
    ) throws -> [Diagnostic] {
        let model = Sequential {
            Flatten()
            Linear(2)
        }
        let data = try Dataset(
            inputs: Column(floats: Array(repeating: 0.5, count: 2 * shape.elementCount), itemShape: shape),
            targets: Column(integers: [0, 1]))
        do {
            return try Trainer(
                model, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1), silencing: silencing,
                composition: Composition([DataAugmentation(transforms)])
            ).start(data, epochs: 1).diagnostics
        } catch let error as CompositionError {
            return error.diagnostics
        }
    }

    @Test(
        arguments: [
            (.rotation(degrees: 10), [784], "not-images", "[channels, height, width], but an input has shape [784]"),
            (.brightness(0.1), [28, 28], "not-images", "but an input has shape [28, 28]"),
            (
                .crop(height: 29, width: 5), [1, 28, 28], "crop-too-large",
                "a height in 1...28 and a width in 1...28 are possible"
            ),
            (.crop(height: 5, width: 33, padding: 2), [1, 28, 28], "crop-too-large", "a width in 1...32 are possible"),
            (.contrast(0.1), [2, 4, 4], "unknown-colors", "1 or 3 channels, but an input has shape [2, 4, 4]"),
            (
                .featureJitter(1, deviations: [1, 2]), [3], "deviation-count",
                "2 deviations, but an input of shape [3] has 3 features"
            ),
        ] as [(Augmentation, Shape, String, String)])
    func `transforms that do not fit the inputs are errors`(
        _ transform: Augmentation, _ shape: Shape, _ identifier: String, _ message: String
    ) throws {
        let found = try diagnostics([.gaussianNoise(deviation: 1), transform], shape: shape)
        #expect(found.count == 1)
        #expect(found.first?.severity == .error)
        #expect(found.first?.identifier == identifier)
        #expect(found.first?.message.contains(message) == true, "\(found)")
    }

    @Test func `what fits is no finding`() throws {
        #expect(
            try diagnostics([.rotation(degrees: 10), .crop(height: 6, width: 6, padding: 1)], shape: [2, 4, 4]).isEmpty)
        #expect(try diagnostics([.hue(0.1), .contrast(0.1)], shape: [3, 4, 4]).isEmpty)
        #expect(try diagnostics([.featureJitter(0.1), .featureMasking(0.1)], shape: [7]).isEmpty)
    }

    @Test func `colors of gray images are a warning that can be silenced`() throws {
        let found = try diagnostics([.hue(0.1), .rotation(degrees: 3)], shape: [1, 4, 4])
        #expect(found.map(\.identifier) == ["colorless-images"])
        #expect(found.first?.severity == .warning)
        #expect(found.first?.message.contains(".hue(0.1) changes nothing") == true, "\(found)")
        #expect(try diagnostics([.hue(0.1)], shape: [1, 4, 4], silencing: ["colorless-images"]).isEmpty)
    }

    @Test func `tokens are refused`() throws {
        let data = try Dataset(
            inputs: Column(integers: [1, 2, 3, 4], itemShape: [2]), targets: Column(integers: [0, 1]))
        let model = Sequential {
            Embedding(5, width: 2)
            Flatten()
            Linear(2)
        }
        let trainer = Trainer(model, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1)) {
            DataAugmentation(.featureMasking(0.1))
        }
        let error = #expect(throws: CompositionError.self) { try trainer.start(data, epochs: 1) }
        #expect(error?.diagnostics.map(\.identifier) == ["not-numbers"])
    }

    @Test func `a batch of another shape stops the program with the shape`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = DataAugmentation(.rotation(degrees: 10))
                .altered(
                    .zeros([2, 5, 5]),
                    streams: [RandomStream(seed: 1, purpose: "x"), RandomStream(seed: 2, purpose: "x")])
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(
            text.contains("takes images of shape [channels, height, width], but an input has shape [5, 5]"), "\(text)")
    }

    @Test func `the plan shows the list as it is written`() throws {
        let augmentation = DataAugmentation(
            .horizontalFlip(), .rotation(degrees: 10, probability: 0.5), .translation(fraction: 0.1), .crop(padding: 2),
            .erasing(value: 1), .featureJitter(0.1, deviations: [1]))
        #expect(
            "\(augmentation.transforms)"
                == "[.horizontalFlip(), .rotation(degrees: 10.0, probability: 0.5), .translation(fraction: 0.1), .crop(padding: 2), .erasing(scale: 0.02...0.33, ratio: 0.3...3.3, value: 1.0), .featureJitter(0.1, deviations: of 1 features)]"
        )
    }
}
