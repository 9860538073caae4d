extension SampleEditor {
    /// Replaces the image by a window of it, resized to the image's size; outside the image there is fill.
    func crop(top: Int, left: Int, height: Int, width: Int) {
        let isWhole = top == 0 && left == 0 && height == extent.height && width == extent.width
        guard !isWhole else { return }
        for channel in 0..<extent.channels {
            copyWindow(of: plane(channel), top: top, left: left, height: height, width: width)
            if height == extent.height, width == extent.width {
                plane(channel).update(from: scratch, count: extent.area)
            } else {
                resizeWindow(height: height, width: width, to: plane(channel))
            }
        }
    }

    private func copyWindow(of plane: UnsafeMutablePointer<Float>, top: Int, left: Int, height: Int, width: Int) {
        let first = min(max(-left, 0), width)
        let end = max(min(extent.width - left, width), first)
        for row in 0..<height {
            let target = scratch + row * width
            guard row + top >= 0, row + top < extent.height else {
                target.update(repeating: fill, count: width)
                continue
            }
            target.update(repeating: fill, count: first)
            (target + first).update(from: plane + ((row + top) * extent.width + left + first), count: end - first)
            (target + end).update(repeating: fill, count: width - end)
        }
    }

    /// Bilinear interpolation between pixel centers, the outermost pixels continuing beyond their centers.
    private func resizeWindow(height: Int, width: Int, to plane: UnsafeMutablePointer<Float>) {
        let (scaleX, scaleY) = (Float(width) / Float(extent.width), Float(height) / Float(extent.height))
        for row in 0..<extent.height {
            let y = max(scaleY * (Float(row) + 0.5) - 0.5, 0)
            let top = min(Int(y), height - 1)
            let upper = scratch + top * width
            let lower = scratch + min(top + 1, height - 1) * width
            let down = y - Float(top)
            let target = plane + row * extent.width
            for column in 0..<extent.width {
                let x = max(scaleX * (Float(column) + 0.5) - 0.5, 0)
                let left = min(Int(x), width - 1)
                let next = min(left + 1, width - 1)
                let right = x - Float(left)
                let above = upper[left] + right * (upper[next] - upper[left])
                let below = lower[left] + right * (lower[next] - lower[left])
                target[column] = above + down * (below - above)
            }
        }
    }
}
