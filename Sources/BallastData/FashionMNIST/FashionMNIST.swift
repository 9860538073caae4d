internal import BallastFiles
public import Foundation

/// Fashion-MNIST: 70,000 photographs of clothing, 28 x 28 pixels, in ten classes.
///
/// The folder is looked for in this order: the one given, `$FASHION_MNIST`, `/usr/share/datasets/fashion-mnist` (of
/// Debian's package `dataset-fashion-mnist`), and the cache folder that `fetch(into:mirrors:)` fills.
///
/// - Source: Xiao, Rasul and Vollgraf, arXiv:1708.07747 (2017).
public enum FashionMNIST {
    /// What each class shows, by label.
    public static let classNames = [
        "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
    ]

    /// Where Debian's package `dataset-fashion-mnist` installs the files.
    package static let systemFolder = URL(filePath: "/usr/share/datasets/fashion-mnist", directoryHint: .isDirectory)

    /// The folder that downloads go to: `$XDG_CACHE_HOME/ballast/fashion-mnist`, `~/.cache/ballast/fashion-mnist`,
    /// or `~/Library/Caches/ballast/fashion-mnist` on macOS.
    public static var cacheFolder: URL { cacheFolder(environment: ProcessInfo.processInfo.environment) }

    package static func cacheFolder(environment: [String: String]) -> URL {
        let base: URL
        if let path = environment["XDG_CACHE_HOME"], path.hasPrefix("/") {
            base = URL(filePath: path, directoryHint: .isDirectory)
        } else {
            let home = environment["HOME"].map { URL(filePath: $0, directoryHint: .isDirectory) }
            #if os(macOS)
                let caches = "Library/Caches"
            #else
                let caches = ".cache"
            #endif
            base = (home ?? FileManager.default.homeDirectoryForCurrentUser)
                .appending(path: caches, directoryHint: .isDirectory)
        }
        return base.appending(path: "ballast/fashion-mnist", directoryHint: .isDirectory)
    }

    /// Loads the data set, or nil if no folder was named and none of the usual ones holds it.
    ///
    /// - Parameter directory: The folder with the four files, compressed with gzip or not; nil to look for it.
    /// - Throws: `DataFileError` if `directory` or `$FASHION_MNIST` is given but lacks a file, and if a file is
    ///   damaged or is not of the expected shape.
    public static func load(directory: URL? = nil) throws -> DemonstrationImages? {
        try locate(directory, environment: ProcessInfo.processInfo.environment, system: systemFolder)
            .map(read(directory:))
    }

    /// The folder to read: the one given, which must be complete, or the first of the usual ones that is.
    package static func locate(_ directory: URL?, environment: [String: String], system: URL) throws -> URL? {
        let variable = environment["FASHION_MNIST"].flatMap { $0.isEmpty ? nil : $0 }
        if let asked = directory ?? variable.map({ URL(filePath: $0, directoryHint: .isDirectory) }) {
            if let missing = try Part.allCases.first(where: { try $0.file(in: asked) == nil }) {
                let origin = directory == nil ? " that $FASHION_MNIST names" : ""
                throw DataFileError(
                    .unreadable, in: asked.path,
                    "the folder\(origin) has no file \(missing.rawValue) or \(missing.rawValue).gz",
                    suggestion:
                        "Name the folder with the four files of Fashion-MNIST, or none to look in the usual places.")
            }
            return asked
        }
        return try [system, cacheFolder(environment: environment)].first { folder in
            try Part.allCases.allSatisfy { try $0.file(in: folder) != nil }
        }
    }

    /// Reads the four files of a folder.
    package static func read(directory: URL) throws -> DemonstrationImages {
        DemonstrationImages(
            training: try split(.trainingImages, .trainingLabels, in: directory),
            test: try split(.testImages, .testLabels, in: directory),
            classNames: classNames, source: .directory(directory.path))
    }

    private static func split(_ images: Part, _ labels: Part, in folder: URL) throws -> DemonstrationImages.Split {
        let imageFile = try images.existingFile(in: folder)
        let labelFile = try labels.existingFile(in: folder)
        let (pixels, count) = try images.validated(
            IDXFile(contentsOf: imageFile, maximumBytes: 1 << 30), imageFile.path)
        let (classes, labelCount) = try labels.validated(
            IDXFile(contentsOf: labelFile, maximumBytes: 1 << 30), labelFile.path)
        guard count == labelCount else {
            throw DataFileError(
                .malformed, in: labelFile.path, "\(labelCount) labels for the \(count) images of \(imageFile.path)",
                suggestion: "The two files do not match: fetch both again.")
        }
        return DemonstrationImages.Split(pixels: pixels, labels: classes.map(Int32.init))
    }
}

extension FashionMNIST {
    /// The four files, by name.
    package enum Part: String, CaseIterable, Sendable {
        case trainingImages = "train-images-idx3-ubyte"
        case trainingLabels = "train-labels-idx1-ubyte"
        case testImages = "t10k-images-idx3-ubyte"
        case testLabels = "t10k-labels-idx1-ubyte"

        /// The file in a folder, compressed or not; nil if there is none.
        ///
        /// - Throws: `DataFileError` if the folder cannot be searched.
        func file(in folder: URL) throws -> URL? {
            try [rawValue + ".gz", rawValue].map { folder.appending(path: $0, directoryHint: .notDirectory) }
                .first(where: ReadableFile.exists)
        }

        fileprivate func existingFile(in folder: URL) throws -> URL {
            if let file = try file(in: folder) { return file }
            throw DataFileError(
                .unreadable, in: folder.path, "the folder has no file \(rawValue) or \(rawValue).gz",
                suggestion: "Name the folder with the four files of Fashion-MNIST.")
        }

        /// The bytes of a file of this part and the number of its images or labels, after checking shape and range.
        func validated(_ file: IDXFile, _ path: String) throws -> (bytes: [UInt8], count: Int) {
            let isImages = self == .trainingImages || self == .testImages
            let side = DemonstrationImages.side
            guard case .bytes(let bytes) = file.elements, let count = file.shape.first, count > 0,
                file.shape.dropFirst() == (isImages ? [side, side] : [])
            else {
                throw DataFileError(
                    .malformed, in: path,
                    "expected bytes of shape \(isImages ? "[n, \(side), \(side)]" : "[n]"), found shape \(file.shape)",
                    suggestion: "Fetch the file \(rawValue).gz again.")
            }
            if !isImages, let index = bytes.firstIndex(where: { $0 > 9 }) {
                throw DataFileError(
                    .outOfRange, in: path, at: "element \(index)", "the label \(bytes[index]) is not in 0...9",
                    suggestion: "Fetch the file \(rawValue).gz again.")
            }
            return (bytes, count)
        }
    }
}
