/// One distorted glyph: its shape, the map from the image's pixels to the shape's own plane, and its ink.
struct Glyph {
    private let label: Int32
    /// The map from pixel offsets to the shape's plane, where the shape fills about -1...1.
    private let xx: Float
    private let xy: Float
    private let yx: Float
    private let yy: Float
    private let centerX: Float
    private let centerY: Float
    /// Pixels per unit of the shape's plane: an edge is one pixel wide.
    private let scale: Float
    /// Half of the width of lines, in the shape's plane.
    private let stroke: Float
    private let ink: Float
    private let paper: Float
    private let noise: Float
    /// A stroke across the image, as a line `a x + b y = c` in pixels, drawn with its own ink.
    private let scratch: (a: Float, b: Float, c: Float, ink: Float)

    init(_ label: Int32, _ random: inout SplitMix64) {
        self.label = label
        let (cosine, sine) = Self.direction(random.uniform(-0.16...0.16))
        scale = random.uniform(5.5...10)
        let aspect = random.uniform(0.75...1.3)
        let shear = random.uniform(-0.25...0.25)
        xx = (cosine + shear * sine) / scale
        xy = (sine - shear * cosine) / scale
        yx = -sine * aspect / scale
        yy = cosine * aspect / scale
        centerX = 13.5 + random.uniform(-3.5...3.5)
        centerY = 13.5 + random.uniform(-3.5...3.5)
        stroke = random.uniform(0.14...0.3)
        ink = random.uniform(90...220)
        paper = random.uniform(0...40)
        noise = random.uniform(10...50)
        let (a, b) = Self.direction(random.uniform(-1...1))
        scratch = (a, b, 13.5 * (a + b) + random.uniform(-9...9), random.uniform(0...200))
    }

    /// The cosine and sine of the angle whose half has this tangent: no library function, so the same bits everywhere.
    private static func direction(_ tangent: Float) -> (cosine: Float, sine: Float) {
        let square = tangent * tangent
        return ((1 - square) / (1 + square), 2 * tangent / (1 + square))
    }

    /// Draws the glyph: 28 x 28 grey values.
    func draw(into pixels: UnsafeMutableBufferPointer<UInt8>, _ random: inout SplitMix64) {
        // The class is chosen once per image, so that each loop over the pixels is compiled for its shape.
        switch label {
        case 0: draw(pixels, &random) { x, y in (x * x + y * y).squareRoot() - 1 }
        case 1: draw(pixels, &random) { x, y in abs((x * x + y * y).squareRoot() - 0.8) - stroke }
        case 2: draw(pixels, &random) { x, y in max(abs(x), abs(y)) - 0.9 }
        case 3: draw(pixels, &random) { x, y in abs(max(abs(x), abs(y)) - 0.75) - stroke }
        case 4: draw(pixels, &random) { x, y in max(0.89 * abs(x) - 0.45 * y - 0.45, y - 0.8) }
        case 5: draw(pixels, &random) { x, y in max(min(abs(x), abs(y)) - stroke, max(abs(x), abs(y)) - 1) }
        case 6:
            draw(pixels, &random) { x, y in
                let u = abs(x + y) * 0.707
                let v = abs(x - y) * 0.707
                return max(min(u, v) - stroke, max(u, v) - 1.1)
            }
        case 7: draw(pixels, &random) { x, y in max(Self.bars(y, stroke), max(abs(x), abs(y)) - 1) }
        case 8: draw(pixels, &random) { x, y in max(Self.bars(x, stroke), max(abs(x), abs(y)) - 1) }
        default:
            draw(pixels, &random) { x, y in
                let u = Self.bars(x, 0.167)
                let v = Self.bars(y, 0.167)
                return max(min(max(u, -v), max(-u, v)), max(abs(x), abs(y)) - 1)
            }
        }
    }

    /// The distance to the nearest of three parallel bars.
    private static func bars(_ x: Float, _ stroke: Float) -> Float {
        abs(abs(abs(x) - 0.333) - 0.333) - min(stroke, 0.22)
    }

    /// Draws the shape that is inside where `distance` is negative.
    @inline(__always)
    private func draw(
        _ pixels: UnsafeMutableBufferPointer<UInt8>, _ random: inout SplitMix64,
        _ distance: (_ x: Float, _ y: Float) -> Float
    ) {
        let side = DemonstrationImages.side
        var index = 0
        var lanes: UInt64 = 0
        for row in 0..<side {
            let dy = Float(row) - centerY
            for column in 0..<side {
                let dx = Float(column) - centerX
                let coverage = min(max(0.5 - distance(xx * dx + xy * dy, yx * dx + yy * dy) * scale, 0), 1)
                let offset = scratch.a * Float(column) + scratch.b * Float(row) - scratch.c
                let scratched = min(max(1.3 - abs(offset), 0), 1)
                var value = paper + (ink - paper) * coverage
                value += (scratch.ink - value) * scratched
                // Two bytes of randomness per pixel; their sum has a triangular distribution.
                if index & 3 == 0 { lanes = random.next() }
                let sum = Int32(truncatingIfNeeded: (lanes & 0xFF) + ((lanes >> 8) & 0xFF))
                lanes >>= 16
                value += noise * Float(sum - 255) * 0x1p-7
                pixels.initializeElement(at: index, to: UInt8(min(max(value, 0), 255)))
                index += 1
            }
        }
    }
}
