package import BallastCore

/// One change of one sample, all its values drawn: what a ``Augmentation`` becomes for a sample.
package enum Alteration: Sendable, Hashable {
    case horizontalFlip
    case verticalFlip
    /// Clockwise.
    case rotation(degrees: Float)
    /// In pixels, to the right and down.
    case translation(x: Float, y: Float)
    case scale(Float)
    case shear(degrees: Float, vertical: Float)
    /// A window of the padded image, resized to the image's size; places count from the padded image's corner.
    case crop(top: Int, left: Int, height: Int, width: Int, padding: Int)
    case brightness(Float)
    case contrast(Float)
    case saturation(Float)
    case hue(Float)
    case erasing(top: Int, left: Int, height: Int, width: Int, value: Float)
    /// Normal noise from a stream; without deviations of the elements, one for all.
    case noise(Float, deviations: [Float]?, from: RandomStream)
    /// Elements whose number in a stream is below the share become the value.
    case masking(Float, value: Float, from: RandomStream)
}

/// The sizes of one sample: of an image, or of anything else as a row of so many elements.
package struct Extent: Sendable, Hashable {
    package let channels: Int
    package let height: Int
    package let width: Int

    package init(channels: Int, height: Int, width: Int) {
        self.channels = channels
        self.height = height
        self.width = width
    }

    /// The extent of samples of a shape; other than images of three dimensions are rows.
    package init(_ shape: Shape) {
        self =
            shape.rank == 3
            ? Extent(channels: shape[0], height: shape[1], width: shape[2])
            : Extent(channels: 1, height: 1, width: shape.elementCount)
    }

    var elementCount: Int { channels * height * width }
    var area: Int { height * width }
}
