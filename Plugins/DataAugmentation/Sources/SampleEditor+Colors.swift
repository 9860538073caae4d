extension SampleEditor {
    /// The weights of red, green and blue in gray (ITU-R BT.601), as torchvision rounds them.
    private static let grayWeights: (red: Float, green: Float, blue: Float) = (0.2989, 0.587, 0.114)

    @inline(__always)
    private func clamped(_ value: Float) -> Float { min(max(value, range.lowerBound), range.upperBound) }

    func adjustBrightness(_ factor: Float) {
        let black = range.lowerBound
        for index in 0..<extent.elementCount { pixels[index] = clamped(black + (pixels[index] - black) * factor) }
    }

    func adjustContrast(_ factor: Float) {
        let black = range.lowerBound
        var sum = 0.0
        if extent.channels == 3 {
            for index in 0..<extent.area { sum += Double(gray(index)) }
        } else {
            for index in 0..<extent.area { sum += Double(pixels[index] - black) }
        }
        let mean = black + Float(sum / Double(extent.area))
        for index in 0..<extent.elementCount { pixels[index] = clamped(factor * pixels[index] + (1 - factor) * mean) }
    }

    func adjustSaturation(_ factor: Float) {
        guard extent.channels == 3 else { return }
        let (red, green, blue) = (plane(0), plane(1), plane(2))
        for index in 0..<extent.area {
            let part = (1 - factor) * (range.lowerBound + gray(index))
            red[index] = clamped(factor * red[index] + part)
            green[index] = clamped(factor * green[index] + part)
            blue[index] = clamped(factor * blue[index] + part)
        }
    }

    /// The gray of a pixel of three channels, from black.
    @inline(__always)
    private func gray(_ index: Int) -> Float {
        let weights = SampleEditor.grayWeights
        let black = range.lowerBound
        return weights.red * (pixels[index] - black) + weights.green * (pixels[index + extent.area] - black)
            + weights.blue * (pixels[index + 2 * extent.area] - black)
    }

    func adjustHue(_ turn: Float) {
        guard extent.channels == 3, turn != 0 else { return }
        let black = range.lowerBound
        let span = range.upperBound - black
        let (red, green, blue) = (plane(0), plane(1), plane(2))
        for index in 0..<extent.area {
            let color = SampleEditor.turned(
                (red[index] - black) / span, (green[index] - black) / span, (blue[index] - black) / span, by: turn)
            red[index] = black + span * color.red
            green[index] = black + span * color.green
            blue[index] = black + span * color.blue
        }
    }

    /// A color with its hue moved by a part of the circle in `-1...1`; the largest and the smallest component stay those.
    @inline(__always)
    private static func turned(
        _ red: Float, _ green: Float, _ blue: Float, by turn: Float
    ) -> (red: Float, green: Float, blue: Float) {
        let value = max(red, green, blue)
        let spread = value - min(red, green, blue)
        let inverse = spread >= .leastNormalMagnitude ? 1 / spread : 0
        // The hue in sixths of the circle, from red over green to blue: in -1...5.
        let old =
            value == red
            ? (green - blue) * inverse : value == green ? 2 + (blue - red) * inverse : 4 + (red - green) * inverse
        let moved = old + 6 * turn
        let hue = moved - 6 * (moved / 6).rounded(.down)
        return (
            component(hue + 5, value, spread), component(hue + 3, value, spread), component(hue + 1, value, spread)
        )
    }

    /// A component whose place on the circle is given in sixths: full around 0, least around 3, straight in between.
    @inline(__always)
    private static func component(_ place: Float, _ value: Float, _ spread: Float) -> Float {
        let place = place >= 6 ? place - 6 : place
        return value - spread * max(0, min(place, 4 - place, 1))
    }
}
