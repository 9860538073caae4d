internal import BallastCore

/// One kind of random change of a sample, with the probability that a sample gets it; an entry of ``DataAugmentation``.
///
/// Factories make them: ``horizontalFlip(probability:)``, ``rotation(degrees:probability:)``, ``brightness(_:probability:)``,
/// ``featureJitter(_:probability:)`` and so on. Invalid hyper-parameters stop the program with the value and the
/// allowed range.
public struct Augmentation: Sendable, Hashable {
    /// What is drawn from which range.
    package enum Kind: Sendable, Hashable {
        case horizontalFlip
        case verticalFlip
        case rotation(degrees: Float)
        case translation(pixels: Int)
        case relativeTranslation(fraction: Float)
        case scale(ClosedRange<Float>)
        case shear(degrees: Float, vertical: Float)
        /// A window of the padded image; without a size, one as large as the image.
        case crop(height: Int?, width: Int?, padding: Int)
        case resizedCrop(scale: ClosedRange<Float>, ratio: ClosedRange<Float>)
        case brightness(Float)
        case contrast(Float)
        case saturation(Float)
        case hue(Float)
        case gaussianNoise(deviation: Float)
        case erasing(scale: ClosedRange<Float>, ratio: ClosedRange<Float>, value: Float?)
        /// Noise for each feature; without deviations they are 1.
        case featureJitter(Float, deviations: [Float]?)
        case featureMasking(Float, value: Float)
    }

    package let kind: Kind
    /// The probability that a sample gets this change, in `0...1`.
    public let probability: Float

    /// - Precondition: ``problem(with:probability:)`` finds none.
    init(_ kind: Kind, probability: Float) {
        let problem = Augmentation.problem(with: kind, probability: probability)
        require(problem == nil, problem ?? "")
        self.kind = kind
        self.probability = probability
    }

    /// Whether it takes samples of shape `[channels, height, width]`; others take any.
    package var needsImages: Bool {
        switch kind {
        case .gaussianNoise, .featureJitter, .featureMasking: false
        default: true
        }
    }

    /// Whether it reads colors, so that there must be one channel or three.
    var readsColors: Bool {
        switch kind {
        case .contrast, .saturation, .hue: true
        default: false
        }
    }

    /// Whether it leaves images of one channel as they are.
    var needsThreeChannels: Bool {
        switch kind {
        case .saturation, .hue: true
        default: false
        }
    }

    /// The number of words of the sample's random stream that are set aside for it.
    var wordCount: Int {
        switch kind {
        case .horizontalFlip, .verticalFlip, .gaussianNoise, .featureJitter, .featureMasking: 1
        case .rotation, .scale, .brightness, .contrast, .saturation, .hue: 2
        case .translation, .relativeTranslation, .shear, .crop: 3
        case .resizedCrop, .erasing: 3 + 2 * Augmentation.attempts
        }
    }

    /// How often a rectangle is drawn until one fits, as in torchvision.
    static let attempts = 10
}

extension Augmentation: CustomStringConvertible {
    /// As it is written in code.
    public var description: String {
        switch kind {
        case .horizontalFlip: text("horizontalFlip", [], usually: 0.5)
        case .verticalFlip: text("verticalFlip", [], usually: 0.5)
        case .rotation(let degrees): text("rotation", ["degrees: \(degrees)"])
        case .translation(let pixels): text("translation", ["pixels: \(pixels)"])
        case .relativeTranslation(let fraction): text("translation", ["fraction: \(fraction)"])
        case .scale(let range): text("scale", ["\(range)"])
        case .shear(let degrees, let vertical):
            text("shear", ["degrees: \(degrees)"] + (vertical == 0 ? [] : ["vertical: \(vertical)"]))
        case .crop(let height, let width, let padding):
            text(
                "crop",
                (height.map { ["height: \($0)"] } ?? []) + (width.map { ["width: \($0)"] } ?? [])
                    + ["padding: \(padding)"])
        case .resizedCrop(let scale, let ratio): text("resizedCrop", ["scale: \(scale)", "ratio: \(ratio)"])
        case .brightness(let amount): text("brightness", ["\(amount)"])
        case .contrast(let amount): text("contrast", ["\(amount)"])
        case .saturation(let amount): text("saturation", ["\(amount)"])
        case .hue(let amount): text("hue", ["\(amount)"])
        case .gaussianNoise(let deviation): text("gaussianNoise", ["deviation: \(deviation)"])
        case .erasing(let scale, let ratio, let value):
            text(
                "erasing", ["scale: \(scale)", "ratio: \(ratio)"] + (value.map { ["value: \($0)"] } ?? []), usually: 0.5
            )
        case .featureJitter(let amount, let deviations):
            text("featureJitter", ["\(amount)"] + (deviations.map { ["deviations: of \($0.count) features"] } ?? []))
        case .featureMasking(let share, let value): text("featureMasking", ["\(share)", "value: \(value)"])
        }
    }

    private func text(_ name: String, _ settings: [String], usually: Float = 1) -> String {
        let all = settings + (probability == usually ? [] : ["probability: \(probability)"])
        return ".\(name)(\(all.joined(separator: ", ")))"
    }
}
