internal import BallastCore
internal import Foundation

extension Augmentation {
    /// Draws whether a sample is changed, and how; nil if it does not change.
    ///
    /// - Parameters:
    ///   - words: as many random words as ``wordCount``; the first decides whether.
    ///   - noise: the stream for changes that draw a number for each element.
    ///   - extent: the sizes of the sample.
    ///   - fill: the value of what has none.
    @inline(__always)
    func draw(_ words: UnsafePointer<UInt32>, noise: RandomStream, extent: Extent, fill: Float) -> Alteration? {
        let draws = Draws(words: words)
        guard draws.uniform(0) < probability else { return nil }
        switch kind {
        case .horizontalFlip: return .horizontalFlip
        case .verticalFlip: return .verticalFlip
        case .rotation(let degrees): return .rotation(degrees: draws.symmetric(1, degrees))
        case .translation(let pixels):
            return .translation(x: draws.offset(1, pixels), y: draws.offset(2, pixels))
        case .relativeTranslation(let fraction):
            return .translation(
                x: draws.offset(1, Int(fraction * Float(extent.width))),
                y: draws.offset(2, Int(fraction * Float(extent.height))))
        case .scale(let factors): return .scale(draws.within(1, factors))
        case .shear(let degrees, let vertical):
            return .shear(degrees: draws.symmetric(1, degrees), vertical: draws.symmetric(2, vertical))
        case .crop(let height, let width, let padding):
            let (height, width) = (height ?? extent.height, width ?? extent.width)
            return .crop(
                top: draws.integer(1, extent.height + 2 * padding - height + 1),
                left: draws.integer(2, extent.width + 2 * padding - width + 1), height: height, width: width,
                padding: padding)
        case .resizedCrop(let scale, let ratio): return Augmentation.window(draws, scale, ratio, extent)
        case .erasing(let scale, let ratio, let value):
            return Augmentation.rectangle(draws, scale, ratio, extent, value ?? fill)
        case .brightness(let amount): return .brightness(draws.factor(1, amount))
        case .contrast(let amount): return .contrast(draws.factor(1, amount))
        case .saturation(let amount): return .saturation(draws.factor(1, amount))
        case .hue(let amount): return .hue(draws.symmetric(1, amount))
        case .gaussianNoise(let deviation): return .noise(deviation, deviations: nil, from: noise)
        case .featureJitter(let amount, let deviations): return .noise(amount, deviations: deviations, from: noise)
        case .featureMasking(let share, let value): return .masking(share, value: value, from: noise)
        }
    }

    private static func window(
        _ draws: Draws, _ scale: ClosedRange<Float>, _ ratio: ClosedRange<Float>, _ extent: Extent
    ) -> Alteration {
        let logarithms = log(Double(ratio.lowerBound))...log(Double(ratio.upperBound))
        for attempt in 0..<attempts {
            let area = Double(extent.area) * Double(draws.within(3 + 2 * attempt, scale))
            let shape = exp(draws.within(4 + 2 * attempt, logarithms))
            let width = Int((area * shape).squareRoot().rounded(.toNearestOrEven))
            let height = Int((area / shape).squareRoot().rounded(.toNearestOrEven))
            guard width > 0, width <= extent.width, height > 0, height <= extent.height else { continue }
            return .crop(
                top: draws.integer(1, extent.height - height + 1), left: draws.integer(2, extent.width - width + 1),
                height: height, width: width, padding: 0)
        }
        var (height, width) = (extent.height, extent.width)
        let shape = Float(width) / Float(height)
        if shape < ratio.lowerBound {
            height = max(1, Int((Float(width) / ratio.lowerBound).rounded(.toNearestOrEven)))
        } else if shape > ratio.upperBound {
            width = max(1, Int((Float(height) * ratio.upperBound).rounded(.toNearestOrEven)))
        }
        return .crop(
            top: (extent.height - height) / 2, left: (extent.width - width) / 2, height: height, width: width,
            padding: 0)
    }

    private static func rectangle(
        _ draws: Draws, _ scale: ClosedRange<Float>, _ ratio: ClosedRange<Float>, _ extent: Extent, _ value: Float
    ) -> Alteration? {
        let logarithms = log(Double(ratio.lowerBound))...log(Double(ratio.upperBound))
        for attempt in 0..<attempts {
            let area = Double(extent.area) * Double(draws.within(3 + 2 * attempt, scale))
            let shape = exp(draws.within(4 + 2 * attempt, logarithms))
            let height = (area * shape).squareRoot().rounded(.toNearestOrEven)
            let width = (area / shape).squareRoot().rounded(.toNearestOrEven)
            guard height < Double(extent.height), width < Double(extent.width) else { continue }
            return .erasing(
                top: draws.integer(1, extent.height - Int(height) + 1),
                left: draws.integer(2, extent.width - Int(width) + 1), height: Int(height), width: Int(width),
                value: value)
        }
        return nil
    }
}

/// Numbers that use one random word each.
private struct Draws {
    let words: UnsafePointer<UInt32>

    /// In `0..<1`, a multiple of 2⁻²⁴.
    func uniform(_ word: Int) -> Float { Float(words[word] >> 8) * 0x1p-24 }

    func within(_ word: Int, _ range: ClosedRange<Float>) -> Float {
        // Rounding must not lead out of the range.
        min(
            max(range.lowerBound + (range.upperBound - range.lowerBound) * uniform(word), range.lowerBound),
            range.upperBound)
    }

    func within(_ word: Int, _ range: ClosedRange<Double>) -> Double {
        range.lowerBound + (range.upperBound - range.lowerBound) * Double(uniform(word))
    }

    func symmetric(_ word: Int, _ most: Float) -> Float { (2 * uniform(word) - 1) * most }

    /// In `0..<count`, each equally likely to within count / 2³².
    func integer(_ word: Int, _ count: Int) -> Int { Int((UInt64(words[word]) &* UInt64(count)) >> 32) }

    func offset(_ word: Int, _ most: Int) -> Float { Float(integer(word, 2 * most + 1) - most) }

    func factor(_ word: Int, _ amount: Float) -> Float { within(word, max(0, 1 - amount)...(1 + amount)) }
}
