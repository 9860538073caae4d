import Ballast
import BallastDataAugmentation
import Foundation
import Testing

/// What samples draw: the ranges, the frequencies, each sample its own.
@Suite struct DataAugmentationDrawingTests {
    static let count = 20_000
    static let extent = Extent(channels: 3, height: 20, width: 30)

    /// What many samples draw from one entry; nil where it does not happen.
    private func drawn(_ transform: Augmentation, extent: Extent = extent) -> [Alteration?] {
        let augmentation = DataAugmentation([transform])
        let stream = RandomStream(seed: 11, purpose: "\(transform)")
        return (0..<Self.count).map {
            augmentation.alterations(from: stream.at(epoch: 0, sample: $0), for: extent).first
        }
    }

    /// Whether a count of a share's worth lies within five standard deviations.
    private func isWithinFiveSigma(_ hits: Int, of count: Int = count, expected share: Double) -> Bool {
        abs(Double(hits) - share * Double(count)) <= 5 * (share * (1 - share) * Double(count)).squareRoot() + 1e-9
    }

    /// Whether numbers are uniform in a range: inside, near both ends, mean and halves within five standard deviations.
    private func problems(_ numbers: [Double], uniformIn range: ClosedRange<Double>) -> [String] {
        let width = range.upperBound - range.lowerBound
        let mean = numbers.reduce(0, +) / Double(numbers.count)
        let bound = 5 * width / (12 * Double(numbers.count)).squareRoot()
        let middle = (range.lowerBound + range.upperBound) / 2
        var problems: [String] = []
        if let bad = numbers.first(where: { !($0 >= range.lowerBound - 1e-6 && $0 <= range.upperBound + 1e-6) }) {
            problems.append("\(bad) is not in \(range)")
        }
        if abs(mean - middle) > bound { problems.append("the mean is \(mean), not \(middle) within \(bound)") }
        for quarter in 0..<4 {
            let low = range.lowerBound + width * Double(quarter) / 4
            let hits = numbers.filter { $0 >= low && $0 < low + width / 4 }.count
            if !isWithinFiveSigma(hits, of: numbers.count, expected: 0.25) {
                problems.append("\(hits) of \(numbers.count) are in quarter \(quarter)")
            }
        }
        return problems
    }

    private static let everyKind: [@Sendable (Float) -> Augmentation] = [
        { .horizontalFlip(probability: $0) }, { .verticalFlip(probability: $0) },
        { .rotation(degrees: 10, probability: $0) }, { .translation(pixels: 2, probability: $0) },
        { .translation(fraction: 0.2, probability: $0) }, { .scale(0.5...2, probability: $0) },
        { .shear(degrees: 5, probability: $0) }, { .crop(padding: 2, probability: $0) },
        { .crop(height: 7, width: 9, probability: $0) }, { .resizedCrop(probability: $0) },
        { .brightness(0.5, probability: $0) }, { .contrast(0.5, probability: $0) },
        { .saturation(0.5, probability: $0) }, { .hue(0.2, probability: $0) },
        { .gaussianNoise(deviation: 1, probability: $0) }, { .erasing(probability: $0, scale: 0.1...0.2) },
        { .featureJitter(1, probability: $0) }, { .featureMasking(0.5, probability: $0) },
    ]

    @Test(arguments: everyKind.indices) func `each kind happens with its probability`(_ index: Int) {
        let make = Self.everyKind[index]
        for probability: Float in [0, 0.3, 1] {
            let hits = drawn(make(probability)).filter { $0 != nil }.count
            #expect(
                isWithinFiveSigma(hits, expected: Double(probability)),
                "\(make(probability)) happened to \(hits) of \(Self.count) samples")
        }
    }

    @Test func `angles, factors and turns are uniform in their ranges`() {
        func check(_ transform: Augmentation, _ range: ClosedRange<Double>, _ value: (Alteration) -> Float?) {
            let numbers = drawn(transform).compactMap { $0 }.compactMap(value).map(Double.init)
            #expect(numbers.count == Self.count, "\(transform)")
            let found = problems(numbers, uniformIn: range)
            #expect(found.isEmpty, "\(transform): \(found)")
        }
        check(.rotation(degrees: 30), -30...30) { if case .rotation(let x) = $0 { x } else { nil } }
        check(.scale(0.8...1.4), 0.8...1.4) { if case .scale(let x) = $0 { x } else { nil } }
        check(.shear(degrees: 8, vertical: 3), -8...8) { if case .shear(let x, _) = $0 { x } else { nil } }
        check(.shear(degrees: 8, vertical: 3), -3...3) { if case .shear(_, let x) = $0 { x } else { nil } }
        check(.brightness(0.25), 0.75...1.25) { if case .brightness(let x) = $0 { x } else { nil } }
        check(.contrast(1.5), 0...2.5) { if case .contrast(let x) = $0 { x } else { nil } }
        check(.saturation(0.5), 0.5...1.5) { if case .saturation(let x) = $0 { x } else { nil } }
        check(.hue(0.1), -0.1...0.1) { if case .hue(let x) = $0 { x } else { nil } }
    }

    @Test func `steps and windows of whole pixels are all equally likely`() {
        func check(_ transform: Augmentation, _ values: ClosedRange<Int>, _ value: (Alteration) -> Int?) {
            let numbers = drawn(transform).compactMap { $0 }.compactMap(value)
            for candidate in values {
                let hits = numbers.filter { $0 == candidate }.count
                #expect(
                    isWithinFiveSigma(hits, expected: 1 / Double(values.count)),
                    "\(transform) gave \(candidate) to \(hits) of \(Self.count) samples")
            }
            #expect(numbers.allSatisfy(values.contains), "\(transform)")
        }
        check(.translation(pixels: 2), -2...2) { if case .translation(let x, _) = $0 { Int(x) } else { nil } }
        check(.translation(pixels: 2), -2...2) { if case .translation(_, let y) = $0 { Int(y) } else { nil } }
        check(.translation(fraction: 0.11), -3...3) { if case .translation(let x, _) = $0 { Int(x) } else { nil } }
        check(.translation(fraction: 0.11), -2...2) { if case .translation(_, let y) = $0 { Int(y) } else { nil } }
        check(.crop(padding: 3), 0...6) { if case .crop(let top, _, 20, 30, 3) = $0 { top } else { nil } }
        check(.crop(padding: 3), 0...6) { if case .crop(_, let left, 20, 30, 3) = $0 { left } else { nil } }
        check(.crop(height: 19, width: 30, padding: 1), 0...3) {
            if case .crop(let top, _, 19, 30, 1) = $0 { top } else { nil }
        }
    }

    @Test func `resized windows have the areas and shapes asked for and lie in the image`() {
        let area = 20.0 * 30
        var shares: [Double] = []
        for case .crop(let top, let left, let height, let width, 0)? in drawn(
            .resizedCrop(scale: 0.2...0.6, ratio: 0.8...1.25))
        {
            #expect(
                top >= 0 && left >= 0 && top + height <= 20 && left + width <= 30, "\(top) \(left) \(height) \(width)")
            shares.append(Double(height * width) / area)
            // Sides are rounded to whole pixels.
            #expect((Double(width) - 0.5) / (Double(height) + 0.5) <= 1.25, "\(height) x \(width)")
            #expect((Double(width) + 0.5) / (Double(height) - 0.5) >= 0.8, "\(height) x \(width)")
        }
        #expect(shares.count == Self.count)
        #expect((shares.min() ?? 0) > 0.18 && (shares.max() ?? 1) < 0.65)
        #expect(abs(shares.reduce(0, +) / Double(shares.count) - 0.4) < 0.01)

        // No window of this shape fits a row of pixels: it is the largest in the middle.
        let row = Extent(channels: 1, height: 2, width: 50)
        let fallback = drawn(.resizedCrop(scale: 0.9...1, ratio: 0.5...2), extent: row)
        #expect(fallback.allSatisfy { $0 == .crop(top: 0, left: 23, height: 2, width: 4, padding: 0) })
    }

    @Test func `erased rectangles have the areas asked for, lie in the image and hold the value`() {
        var shares: [Double] = []
        for case .erasing(let top, let left, let height, let width, let value)? in drawn(
            .erasing(probability: 1, scale: 0.1...0.3, ratio: 0.5...2, value: 4))
        {
            #expect(
                top >= 0 && left >= 0 && top + height <= 20 && left + width <= 30, "\(top) \(left) \(height) \(width)")
            #expect(value == 4)
            shares.append(Double(height * width) / 600)
        }
        #expect(shares.count == Self.count)
        #expect((shares.min() ?? 0) > 0.08 && (shares.max() ?? 1) < 0.33)
        #expect(abs(shares.reduce(0, +) / Double(shares.count) - 0.2) < 0.01)

        let filled = DataAugmentation(.erasing(probability: 1), fill: -3)
            .alterations(from: RandomStream(seed: 1, purpose: "fill"), for: Self.extent)
        guard case .erasing(_, _, _, _, -3)? = filled.first else {
            Issue.record("\(filled) does not erase with the fill")
            return
        }
    }

    @Test func `each entry and each sample has noise of its own`() {
        let augmentation = DataAugmentation(
            .gaussianNoise(deviation: 1), .gaussianNoise(deviation: 1), .featureMasking(0.5))
        let stream = RandomStream(seed: 1, purpose: "noise")
        var streams: Set<RandomStream> = []
        for (epoch, sample) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            for drawn in augmentation.alterations(from: stream.at(epoch: epoch, sample: sample), for: Self.extent) {
                switch drawn {
                case .noise(_, _, let own), .masking(_, _, let own): streams.insert(own)
                default: Issue.record("\(drawn) is no noise")
                }
            }
        }
        #expect(streams.count == 12)
    }

    @Test func `jitter relative to a data set has the deviations of its features`() throws {
        let rows: [[Float]] = [[1000, 1, 5], [1002, 1, 5.5], [1004, 1, 4.5], [1002, 1, 5]]
        let data = try Dataset(inputs: rows, labels: [0, 1, 0, 1])
        let augmentation = DataAugmentation(.featureJitter(0.5, relativeTo: data))
        let drawn = augmentation.alterations(
            from: RandomStream(seed: 1, purpose: "jitter"), for: Extent(channels: 1, height: 1, width: 3))
        guard case .noise(0.5, let deviations?, _)? = drawn.first else {
            Issue.record("\(drawn) is no jitter with deviations")
            return
        }
        for (got, expected) in zip(deviations, [Float(2).squareRoot(), 0, Float(0.125).squareRoot()]) {
            #expect((got - expected).magnitude < 1e-5, "\(deviations)")
        }
    }
}
