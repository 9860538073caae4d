extension Augmentation {
    /// Mirrors an image left to right.
    ///
    /// - Parameter probability: the probability that a sample is mirrored.
    public static func horizontalFlip(probability: Float = 0.5) -> Augmentation {
        Augmentation(.horizontalFlip, probability: probability)
    }

    /// Mirrors an image top to bottom.
    ///
    /// - Parameter probability: the probability that a sample is mirrored.
    public static func verticalFlip(probability: Float = 0.5) -> Augmentation {
        Augmentation(.verticalFlip, probability: probability)
    }

    /// Turns an image around its center by an angle drawn uniformly from `-degrees...degrees`.
    ///
    /// - Parameters:
    ///   - degrees: the greatest angle, in `0...180`; positive angles turn clockwise.
    ///   - probability: the probability that a sample is turned.
    public static func rotation(degrees: Float, probability: Float = 1) -> Augmentation {
        Augmentation(.rotation(degrees: degrees), probability: probability)
    }

    /// Moves an image by whole pixels drawn uniformly from `-pixels...pixels`, in both directions.
    ///
    /// - Parameters:
    ///   - pixels: the greatest distance along one direction.
    ///   - probability: the probability that a sample is moved.
    public static func translation(pixels: Int, probability: Float = 1) -> Augmentation {
        Augmentation(.translation(pixels: pixels), probability: probability)
    }

    /// Moves an image by whole pixels, at most by a fraction of its width and of its height.
    ///
    /// - Parameters:
    ///   - fraction: the greatest distance in widths and heights, in `0...1`; rounded down to whole pixels.
    ///   - probability: the probability that a sample is moved.
    public static func translation(fraction: Float, probability: Float = 1) -> Augmentation {
        Augmentation(.relativeTranslation(fraction: fraction), probability: probability)
    }

    /// Enlarges an image around its center by a factor drawn uniformly from a range; below 1 it shrinks.
    ///
    /// - Parameters:
    ///   - factors: the range, above 0.
    ///   - probability: the probability that a sample is scaled.
    public static func scale(_ factors: ClosedRange<Float>, probability: Float = 1) -> Augmentation {
        Augmentation(.scale(factors), probability: probability)
    }

    /// Slants an image around its center by angles drawn uniformly.
    ///
    /// - Parameters:
    ///   - degrees: the greatest angle of the vertical lines, in `0...89`.
    ///   - vertical: the greatest angle of the horizontal lines, in `0...89`.
    ///   - probability: the probability that a sample is slanted.
    public static func shear(degrees: Float, vertical: Float = 0, probability: Float = 1) -> Augmentation {
        Augmentation(.shear(degrees: degrees, vertical: vertical), probability: probability)
    }

    /// Surrounds an image with the fill, and takes a window of the image's own size from it, at a random place.
    ///
    /// - Parameters:
    ///   - padding: the number of pixels on each side.
    ///   - probability: the probability that a sample is cropped.
    public static func crop(padding: Int, probability: Float = 1) -> Augmentation {
        Augmentation(.crop(height: nil, width: nil, padding: padding), probability: probability)
    }

    /// Takes a window of a given size at a random place, and resizes it to the image's own size, bilinearly.
    ///
    /// The size of a model's input stays the same in that way. A window that is larger than the padded image is refused
    /// when the run is composed.
    ///
    /// - Parameters:
    ///   - height: the height of the window.
    ///   - width: the width of the window.
    ///   - padding: the number of pixels of the fill on each side of the image.
    ///   - probability: the probability that a sample is cropped.
    public static func crop(height: Int, width: Int, padding: Int = 0, probability: Float = 1) -> Augmentation {
        Augmentation(.crop(height: height, width: width, padding: padding), probability: probability)
    }

    /// Takes a window of random area and shape, and resizes it to the image's own size, bilinearly (Szegedy et al., 2015).
    ///
    /// Ten windows are drawn until one fits into the image; if none does, it is the largest in the middle whose shape is
    /// allowed.
    ///
    /// - Parameters:
    ///   - scale: the window's share of the image's area, drawn uniformly.
    ///   - ratio: width over height, its logarithm drawn uniformly.
    ///   - probability: the probability that a sample is cropped.
    public static func resizedCrop(
        scale: ClosedRange<Float> = 0.08...1, ratio: ClosedRange<Float> = (3 / 4)...(4 / 3), probability: Float = 1
    ) -> Augmentation {
        Augmentation(.resizedCrop(scale: scale, ratio: ratio), probability: probability)
    }

    /// Overwrites a rectangle of an image, in all channels (Zhong et al., 2020).
    ///
    /// Ten rectangles are drawn until one is lower and narrower than the image; if none is, the image does not change.
    ///
    /// - Parameters:
    ///   - probability: the probability that a sample is changed.
    ///   - scale: the rectangle's share of the image's area, drawn uniformly.
    ///   - ratio: height over width, its logarithm drawn uniformly.
    ///   - value: what is written; the fill by default.
    public static func erasing(
        probability: Float = 0.5, scale: ClosedRange<Float> = 0.02...0.33, ratio: ClosedRange<Float> = 0.3...3.3,
        value: Float? = nil
    ) -> Augmentation {
        Augmentation(.erasing(scale: scale, ratio: ratio, value: value), probability: probability)
    }
}
