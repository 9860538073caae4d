internal import BallastCore

extension SampleEditor {
    /// Replaces the image by what a map finds in it.
    func resample(_ map: AffineMap) {
        let centerX = Double(extent.width - 1) / 2
        let centerY = Double(extent.height - 1) / 2
        let originX = map.x + centerX - map.xx * centerX - map.xy * centerY
        let originY = map.y + centerY - map.yx * centerX - map.yy * centerY
        let grid = SamplingGrid(
            x: Float(originX), xx: Float(map.xx), xy: Float(map.xy), y: Float(originY), yx: Float(map.yx),
            yy: Float(map.yy))
        for channel in 0..<extent.channels {
            if map.movesWholePixels {
                moveWholePixels(
                    plane(channel), stepX: Int(map.xx), stepY: Int(map.yy), originX: wholePixels(originX),
                    originY: wholePixels(originY))
            } else {
                sample(plane(channel), along: grid)
            }
        }
    }

    /// A distance as an integer; far outside it no longer matters which.
    private func wholePixels(_ distance: Double) -> Int { Int(min(max(distance, -0x1p30), 0x1p30)) }

    private func moveWholePixels(
        _ plane: UnsafeMutablePointer<Float>, stepX: Int, stepY: Int, originX: Int, originY: Int
    ) {
        let (width, height) = (extent.width, extent.height)
        scratch.update(from: plane, count: extent.area)
        // The places in a row whose source is in the image.
        let low = stepX > 0 ? -originX : originX - width + 1
        let first = min(max(low, 0), width)
        let end = max(min(low + width, width), first)
        for row in 0..<height {
            let target = plane + row * width
            let sourceRow = stepY * row + originY
            guard sourceRow >= 0, sourceRow < height else {
                target.update(repeating: fill, count: width)
                continue
            }
            let source = scratch + sourceRow * width
            target.update(repeating: fill, count: first)
            if stepX > 0 {
                (target + first).update(from: source + (first + originX), count: end - first)
            } else {
                for column in first..<end { target[column] = source[originX - column] }
            }
            (target + end).update(repeating: fill, count: width - end)
        }
    }

    /// Bilinear sampling from a copy of the plane in the scratch.
    private func sample(_ plane: UnsafeMutablePointer<Float>, along grid: SamplingGrid) {
        scratch.update(from: plane, count: extent.area)
        sampleBilinearly(
            UnsafeBufferPointer(start: scratch, count: extent.area), height: extent.height, width: extent.width,
            along: grid, fill: fill, blendsTwice: border == .torchvision,
            into: UnsafeMutableBufferPointer(start: plane, count: extent.area))
    }
}
