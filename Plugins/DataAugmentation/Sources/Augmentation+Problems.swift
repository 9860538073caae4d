extension Augmentation {
    /// What is wrong with hyper-parameters: the value and what is allowed; nil if nothing is.
    package static func problem(with kind: Kind, probability: Float) -> String? {
        guard (0...1).contains(probability) else {
            return "\(name(of: kind)): the probability must be in 0...1 but is \(probability)"
        }
        return problem(with: kind).map { "\(name(of: kind)): \($0)" }
    }

    private static func problem(with kind: Kind) -> String? {
        switch kind {
        case .horizontalFlip, .verticalFlip: nil
        case .rotation(let degrees): outside(degrees, 0...180, "degrees")
        case .translation(let pixels): outside(pixels, 0...32768, "the number of pixels")
        case .relativeTranslation(let fraction): outside(fraction, 0...1, "the fraction")
        case .scale(let range): notPositive(range, "the factors")
        case .shear(let degrees, let vertical):
            outside(degrees, 0...89, "degrees") ?? outside(vertical, 0...89, "vertical degrees")
        case .crop(let height, let width, let padding):
            outside(height ?? 1, 1...32768, "the height") ?? outside(width ?? 1, 1...32768, "the width")
                ?? outside(padding, 0...32768, "the padding")
        case .resizedCrop(let scale, let ratio), .erasing(let scale, let ratio, _):
            notPositive(scale, "the shares of the area", atMost: 1) ?? notPositive(ratio, "the ratios")
                ?? infinite(value(of: kind), "the value")
        case .brightness(let amount), .contrast(let amount), .saturation(let amount):
            negative(amount, "the amount")
        case .hue(let amount): outside(amount, 0...0.5, "the amount")
        case .gaussianNoise(let deviation): negative(deviation, "the deviation")
        case .featureJitter(let amount, let deviations):
            negative(amount, "the amount")
                ?? deviations.flatMap { deviations in
                    deviations.isEmpty ? "there must be a deviation for each feature, but there are none" : nil
                }
                ?? deviations.flatMap { deviations in
                    deviations.firstIndex { !($0 >= 0 && $0.isFinite) }.map {
                        "deviations must be in 0..<infinity but number \($0) is \(deviations[$0])"
                    }
                }
        case .featureMasking(let share, let value):
            outside(share, 0...1, "the share") ?? infinite(value, "the value")
        }
    }

    private static func value(of kind: Kind) -> Float {
        if case .erasing(_, _, let value?) = kind { value } else { 0 }
    }

    /// The name of a kind's factory.
    private static func name(of kind: Kind) -> String {
        if case .relativeTranslation = kind { return "translation" }
        return String("\(kind)".prefix { $0 != "(" })
    }

    private static func outside<Value: Comparable>(
        _ value: Value, _ range: ClosedRange<Value>, _ what: String
    ) -> String? {
        range.contains(value) ? nil : "\(what) must be in \(range) but is \(value)"
    }

    private static func negative(_ value: Float, _ what: String) -> String? {
        value >= 0 && value.isFinite ? nil : "\(what) must be in 0..<infinity but is \(value)"
    }

    private static func infinite(_ value: Float, _ what: String) -> String? {
        value.isFinite ? nil : "\(what) must be finite but is \(value)"
    }

    private static func notPositive(
        _ range: ClosedRange<Float>, _ what: String, atMost most: Float = .greatestFiniteMagnitude
    ) -> String? {
        if range.lowerBound > 0, range.upperBound <= most { return nil }
        return most == 1
            ? "\(what) must be above 0 and at most 1 but are \(range)"
            : "\(what) must be above 0 and finite but are \(range)"
    }
}
