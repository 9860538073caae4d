internal import BallastCore

/// Applies alterations to one sample, in place.
///
/// Alterations that move pixels along straight lines (flips, rotation, translation, scale, shear) and follow each other
/// are multiplied into one map, and the image is resampled once; ``finish()`` resamples for the last of them.
struct SampleEditor {
    let pixels: UnsafeMutablePointer<Float>
    let extent: Extent
    /// Working memory, of ``scratchCount(for:extent:)`` elements.
    let scratch: UnsafeMutablePointer<Float>
    let fill: Float
    let range: ClosedRange<Float>
    let border: DataAugmentation.Border

    private var map = AffineMap()
    private var isPending = false

    init(
        pixels: UnsafeMutablePointer<Float>, extent: Extent, scratch: UnsafeMutablePointer<Float>, fill: Float,
        range: ClosedRange<Float>, border: DataAugmentation.Border
    ) {
        self.pixels = pixels
        self.extent = extent
        self.scratch = scratch
        self.fill = fill
        self.range = range
        self.border = border
    }

    /// How much working memory an editor needs for samples whose windows have at most some area.
    static func scratchCount(for extent: Extent, windowArea: Int) -> Int {
        max(extent.elementCount, windowArea)
    }

    mutating func apply(_ alteration: Alteration) {
        if map.add(alteration) {
            isPending = true
            return
        }
        finish()
        switch alteration {
        case .crop(let top, let left, let height, let width, let padding):
            crop(top: top - padding, left: left - padding, height: height, width: width)
        case .erasing(let top, let left, let height, let width, let value):
            erase(top: top, left: left, height: height, width: width, value: value)
        case .brightness(let factor): adjustBrightness(factor)
        case .contrast(let factor): adjustContrast(factor)
        case .saturation(let factor): adjustSaturation(factor)
        case .hue(let turn): adjustHue(turn)
        case .noise(let deviation, let deviations, let stream): addNoise(deviation, deviations, stream)
        case .masking(let share, let value, let stream): mask(share, value, stream)
        case .horizontalFlip, .verticalFlip, .rotation, .translation, .scale, .shear: break
        }
    }

    /// Resamples the image if a map waits for it.
    mutating func finish() {
        guard isPending else { return }
        if !map.isIdentity { resample(map) }
        map = AffineMap()
        isPending = false
    }

    func plane(_ channel: Int) -> UnsafeMutablePointer<Float> { pixels + channel * extent.area }

    private func erase(top: Int, left: Int, height: Int, width: Int, value: Float) {
        for channel in 0..<extent.channels {
            for row in top..<top + height {
                (plane(channel) + row * extent.width + left).update(repeating: value, count: width)
            }
        }
    }

    private func addNoise(_ deviation: Float, _ deviations: [Float]?, _ stream: RandomStream) {
        let count = extent.elementCount
        stream.fillNormal(UnsafeMutableBufferPointer(start: scratch, count: count), deviation: deviation)
        if let deviations {
            deviations.withUnsafeBufferPointer { deviations in
                for index in 0..<count { pixels[index] += scratch[index] * deviations[index] }
            }
        } else {
            for index in 0..<count { pixels[index] += scratch[index] }
        }
    }

    private func mask(_ share: Float, _ value: Float, _ stream: RandomStream) {
        let count = extent.elementCount
        stream.fillUniform(UnsafeMutableBufferPointer(start: scratch, count: count))
        for index in 0..<count where scratch[index] < share { pixels[index] = value }
    }
}
