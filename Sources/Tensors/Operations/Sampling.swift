internal import CKernels

/// A regular grid of positions in an image plane: the sample at row r and column c is taken at
/// column `x + xx c + xy r` and row `y + yx c + yy r`. Pixel centers are at whole numbers.
public struct SamplingGrid: Sendable, Hashable {
    /// The column of the first sample.
    public var x: Float
    /// How far the column moves from one sample to the next in a row.
    public var xx: Float
    /// How far the column moves from one row of samples to the next.
    public var xy: Float
    /// The row of the first sample.
    public var y: Float
    /// How far the row moves from one sample to the next in a row.
    public var yx: Float
    /// How far the row moves from one row of samples to the next.
    public var yy: Float

    /// Creates a grid; by default the pixels themselves. All numbers are in pixels.
    ///
    /// - Parameters:
    ///   - x: the column of the first sample.
    ///   - xx: how far the column moves from one sample to the next in a row.
    ///   - xy: how far the column moves from one row of samples to the next.
    ///   - y: the row of the first sample.
    ///   - yx: how far the row moves from one sample to the next in a row.
    ///   - yy: how far the row moves from one row of samples to the next.
    public init(x: Float = 0, xx: Float = 1, xy: Float = 0, y: Float = 0, yx: Float = 0, yy: Float = 1) {
        self.x = x
        self.xx = xx
        self.xy = xy
        self.y = y
        self.yx = yx
        self.yy = yy
    }
}

/// Takes bilinear samples of an image plane, as many as it has pixels, on the calling thread alone.
///
/// A sample of which a share m is inside the plane, whose weighted pixels there sum to s, is s + (1 − m) fill: the plane is
/// extended by the fill.
///
/// - Parameters:
///   - plane: the pixels, `height * width`.
///   - height: the height of the plane.
///   - width: the width of the plane.
///   - grid: where the samples are taken.
///   - fill: the value around the plane.
///   - blendsTwice: whether samples at the edge are m s + (1 − m) fill instead, as torchvision computes them.
///   - samples: receives the samples; must not overlap the plane.
/// - Precondition: both buffers have `height * width` elements, at most 2^30.
public func sampleBilinearly(
    _ plane: UnsafeBufferPointer<Float>, height: Int, width: Int, along grid: SamplingGrid, fill: Float = 0,
    blendsTwice: Bool = false, into samples: UnsafeMutableBufferPointer<Float>
) {
    let limit = 1 << 30
    guard 0...limit ~= height, 0...limit ~= width, height * width <= limit, plane.count == height * width,
        samples.count == plane.count
    else {
        fail(
            "sampleBilinearly",
            "a plane of \(height) x \(width) does not fit buffers of \(plane.count) and \(samples.count) elements; it may "
                + "have at most 2^30")
    }
    guard let source = plane.baseAddress, let target = samples.baseAddress else { return }
    var sampling = ballast_sampling(
        height: height, width: width, x: grid.x, xx: grid.xx, xy: grid.xy, y: grid.y, yx: grid.yx, yy: grid.yy,
        fill: fill, blends_twice: blendsTwice)
    ballast_sample(&sampling, source, target)
}
