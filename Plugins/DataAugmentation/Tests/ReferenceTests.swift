import Ballast
import BallastDataAugmentation
import Foundation
import TestSupport
import Testing

/// What torchvision makes of images for given values: the content of `reference.json`.
struct Reference: Decodable {
    struct Case: Decodable {
        let image: String
        let steps: String
        let fill: Float
        let range: [Float]
        /// Whether the way in which the edge of a moved image is blended with the fill counts.
        let crossing: Bool
        let result: String
    }

    let images: [String: String]
    let cases: [Case]

    init() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/reference.json")
        self = try JSONDecoder().decode(Reference.self, from: Data(contentsOf: file))
    }

    /// The image of a case, in the range of the case.
    func image(_ sample: Case) -> Tensor {
        let image = Tensor(fixture: images[sample.image] ?? "f 0 ")
        let (low, high) = (sample.range[0], sample.range[1])
        return Tensor(image.scalars.map { $0 * (high - low) + low }, shape: image.shape)
    }
}

extension Reference.Case {
    func augmentation(_ border: DataAugmentation.Border) -> DataAugmentation {
        DataAugmentation(.horizontalFlip(), fill: fill, range: range[0]...range[1], border: border)
    }

    /// The steps, such as "scale 1.2; rotation 25".
    func alterations() throws -> [Alteration] {
        try steps.split(separator: "; ").map { step in
            let words = step.split(separator: " ")
            let n = words.dropFirst().compactMap { Float($0) }
            func i(_ index: Int) -> Int { Int(n[index]) }
            switch words[0] {
            case "horizontalFlip": return .horizontalFlip
            case "verticalFlip": return .verticalFlip
            case "rotation": return .rotation(degrees: n[0])
            case "translation": return .translation(x: n[0], y: n[1])
            case "scale": return .scale(n[0])
            case "shear": return .shear(degrees: n[0], vertical: n[1])
            case "crop": return .crop(top: i(0), left: i(1), height: i(2), width: i(3), padding: i(4))
            case "resizedCrop": return .crop(top: i(0), left: i(1), height: i(2), width: i(3), padding: 0)
            case "brightness": return .brightness(n[0])
            case "contrast": return .contrast(n[0])
            case "saturation": return .saturation(n[0])
            case "hue": return .hue(n[0])
            case "erasing": return .erasing(top: i(0), left: i(1), height: i(2), width: i(3), value: n[4])
            default: throw DataError("\"\(step)\" is no step that these tests know")
            }
        }
    }
}

@Suite struct DataAugmentationReferenceTests {
    @Test func `the same drawn values give torchvision's pixels`() throws {
        let reference = try Reference()
        #expect(reference.cases.count == 245)
        for sample in reference.cases {
            let expected = Tensor(fixture: sample.result)
            for border in [DataAugmentation.Border.torchvision, .interpolated]
            where border == .torchvision || !sample.crossing {
                let augmentation = sample.augmentation(border)
                let got = augmentation.applying(try sample.alterations(), to: reference.image(sample))
                #expect(got.shape == expected.shape)
                let scale = sample.range[1] - sample.range[0]
                for (index, (value, wanted)) in zip(got.scalars, expected.scalars).enumerated() {
                    #expect(
                        (value - wanted).magnitude <= 1e-4 * scale,
                        "\(sample.image), \(sample.steps), fill \(sample.fill), range \(sample.range), \(border): element \(index) is \(value), torchvision gives \(wanted)"
                    )
                }
            }
        }
    }

    @Test func `interpolated borders part from torchvision's by the share of the image alone`() throws {
        let fill: Float = -0.75
        let steps: [Alteration] = [.rotation(degrees: 33), .scale(0.8), .translation(x: 1.5, y: -0.25)]
        let image = Tensor.uniform([3, 7, 6], from: RandomStream(seed: 1, purpose: "image"))
        func applied(_ image: Tensor, _ fill: Float, _ border: DataAugmentation.Border) -> [Float] {
            DataAugmentation(.horizontalFlip(), fill: fill, border: border).applying(steps, to: image).scalars
        }
        let shares = applied(.ones(image.shape), 0, .interpolated)
        let sums = applied(image, 0, .interpolated)
        #expect(shares.contains { $0 > 0.1 && $0 < 0.9 })
        let interpolated = applied(image, fill, .interpolated)
        let torchvision = applied(image, fill, .torchvision)
        for index in shares.indices {
            let (share, sum) = (shares[index], sums[index])
            #expect((interpolated[index] - (sum + (1 - share) * fill)).magnitude < 1e-6, "element \(index)")
            #expect((torchvision[index] - (share * sum + (1 - share) * fill)).magnitude < 1e-6, "element \(index)")
        }
    }

    @Test func `an image that equals its fill shows no edge with interpolated borders`() {
        let image = Tensor.full([1, 9, 9], -1)
        for degrees in stride(from: Float(-80), through: 80, by: 13) {
            let changed = DataAugmentation(.horizontalFlip(), fill: -1, border: .interpolated)
                .applying([.rotation(degrees: degrees)], to: image)
            #expect(changed.scalars.allSatisfy { ($0 + 1).magnitude < 1e-6 }, "\(degrees) degrees")
        }
    }

    @Test func `flips and whole steps keep the bits of every pixel`() {
        let augmentation = DataAugmentation(.horizontalFlip(), fill: 7)
        let image = Tensor.normal([1, 3, 4], from: RandomStream(seed: 2, purpose: "image"))
        let x = image.scalars
        let changed = augmentation.applying([.horizontalFlip, .translation(x: 1, y: 2), .verticalFlip], to: image)
        let expected: [Float] = [
            7, x[3], x[2], x[1],
            7, 7, 7, 7,
            7, 7, 7, 7,
        ]
        #expect(changed.scalars == expected)
        for steps: [Alteration] in [
            [.horizontalFlip, .horizontalFlip], [.translation(x: 3, y: -2), .translation(x: -3, y: 2)],
            [.rotation(degrees: 0)], [.scale(1)], [.shear(degrees: 0, vertical: 0)], [.scale(0.5), .scale(2)],
        ] {
            #expect(augmentation.applying(steps, to: image).scalars == x, "\(steps)")
        }
        #expect(augmentation.applying([.translation(x: 40, y: 0)], to: image).scalars.allSatisfy { $0 == 7 })
    }

    @Test func `every step of whole pixels leads where it should`() {
        let augmentation = DataAugmentation(.horizontalFlip(), fill: 7)
        let image = Tensor.normal([2, 3, 4], from: RandomStream(seed: 3, purpose: "image"))
        let x = image.scalars
        for (dx, dy) in (-5...5).flatMap({ dx in (-4...4).map { (dx, $0) } }) {
            for isMirrored in [false, true] {
                let step = Alteration.translation(x: Float(dx), y: Float(dy))
                let got = augmentation.applying(isMirrored ? [step, .horizontalFlip] : [step], to: image).scalars
                let crop = Alteration.crop(top: 5 - dy, left: 5 - dx, height: 3, width: 4, padding: 5)
                let cropped = augmentation.applying(isMirrored ? [crop, .horizontalFlip] : [crop], to: image).scalars
                for place in 0..<24 {
                    let (channel, row, column) = (place / 12, place / 4 % 3, place % 4)
                    let source = (row: row - dy, column: (isMirrored ? 3 - column : column) - dx)
                    let isInside = (0..<3).contains(source.row) && (0..<4).contains(source.column)
                    let expected = isInside ? x[channel * 12 + source.row * 4 + source.column] : 7
                    #expect(got[place] == expected, "step (\(dx), \(dy)), mirrored \(isMirrored), element \(place)")
                    #expect(cropped[place] == expected, "crop (\(dx), \(dy)), mirrored \(isMirrored), element \(place)")
                }
            }
        }
    }

    @Test func `noise, jitter and masks come from the stream element by element`() {
        let stream = RandomStream(seed: 3, purpose: "noise")
        let sample = Tensor.uniform([37], from: RandomStream(seed: 4, purpose: "sample"))
        let deviations = (0..<37).map { Float($0) / 10 }
        let augmentation = DataAugmentation(.featureJitter(1))
        let normals = Tensor.normal([37], from: stream).scalars
        let noisy = augmentation.applying([.noise(0.5, deviations: nil, from: stream)], to: sample).scalars
        let jittered = augmentation.applying([.noise(0.5, deviations: deviations, from: stream)], to: sample).scalars
        let masked = augmentation.applying([.masking(0.4, value: 9, from: stream)], to: sample).scalars
        let uniforms = Tensor.uniform([37], from: stream).scalars
        for (index, x) in sample.scalars.enumerated() {
            #expect((noisy[index] - (x + 0.5 * normals[index])).magnitude < 1e-6, "element \(index)")
            #expect(
                (jittered[index] - (x + 0.5 * deviations[index] * normals[index])).magnitude < 1e-5, "element \(index)")
            #expect(masked[index] == (uniforms[index] < 0.4 ? 9 : x), "element \(index)")
        }
    }
}
