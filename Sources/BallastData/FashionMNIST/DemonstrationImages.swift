internal import BallastFiles
public import Foundation

/// Small grey images in ten classes, for demonstrations and benchmarks: Fashion-MNIST, or glyphs drawn here.
public struct DemonstrationImages: Sendable, Hashable, CustomStringConvertible {
    /// Where the images come from.
    public enum Source: Sendable, Hashable, CustomStringConvertible {
        /// Fashion-MNIST, read from the folder at this path.
        case directory(String)
        /// Glyphs, drawn by the program from this seed.
        case generated(seed: UInt64)

        /// The source in words, for the output of a program.
        public var description: String {
            switch self {
            case .directory(let path): "Fashion-MNIST from \(path)"
            case .generated(let seed): "glyphs generated with seed \(seed)"
            }
        }
    }

    /// Images and the class of each.
    public struct Split: Sendable, Hashable {
        /// Grey values from 0 (background) to 255, image by image, row by row: `count` x 28 x 28.
        public let pixels: [UInt8]
        /// The class of each image, from 0 to 9.
        public let labels: [Int32]

        /// The number of images.
        public var count: Int { labels.count }
    }

    /// The height and width of every image, in pixels.
    public static let side = 28
    /// The images to train on.
    public let training: Split
    /// The images to test on.
    public let test: Split
    /// What each class shows, by label.
    public let classNames: [String]
    /// Where the images come from.
    public let source: Source

    /// A line about the images, for the output of a program.
    public var description: String { "\(source): \(training.count) images to train on, \(test.count) to test on" }

    /// Loads Fashion-MNIST where it is found, and generates glyphs where it is not.
    ///
    /// - Parameter directory: The folder to read; nil to look where `FashionMNIST.load(directory:)` looks.
    /// - Throws: `DataFileError` if `directory` or `$FASHION_MNIST` is given but lacks a file, and where a file
    ///   that was found is damaged.
    public static func load(directory: URL? = nil) throws -> DemonstrationImages {
        try FashionMNIST.load(directory: directory) ?? Glyphs.generate()
    }
}
