import Ballast
import Foundation
import Testing

@Suite struct FashionMNISTTests {
    /// The content of a small file of each part: as many images as labels.
    static func content(_ part: FashionMNIST.Part) -> [UInt8] {
        switch part {
        case .trainingImages: FormatFixtures.idx(8, [3, 28, 28], [UInt8](repeating: 9, count: 3 * 784))
        case .trainingLabels: FormatFixtures.idx(8, [3], [9, 0, 5])
        case .testImages: FormatFixtures.idx(8, [2, 28, 28], [UInt8](repeating: 7, count: 2 * 784))
        case .testLabels: FormatFixtures.idx(8, [2], [1, 2])
        }
    }

    static func fill(_ folder: URL, compressed: Bool = true) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for part in FashionMNIST.Part.allCases {
            let bytes = compressed ? FormatFixtures.gzip(content(part)) : content(part)
            try Data(bytes).write(to: folder.appending(path: part.rawValue + (compressed ? ".gz" : "")))
        }
    }

    @Test(arguments: [true, false])
    func `a folder with the four files is read, compressed or not`(compressed: Bool) throws {
        try FormatFixtures.withFolder { folder in
            try Self.fill(folder, compressed: compressed)
            let images = try DemonstrationImages.load(directory: folder)
            #expect(images.training.labels == [9, 0, 5])
            #expect(images.training.pixels == [UInt8](repeating: 9, count: 3 * 784))
            #expect(images.test.count == 2)
            #expect(images.source == .directory(folder.path))
            #expect(images.description.hasPrefix("Fashion-MNIST from \(folder.path): 3 images") == true)
        }
    }

    @Test func `folders are looked for in the stated order`() throws {
        try FormatFixtures.withFolder { root in
            let names = ["given", "variable", "system", "cache/ballast/fashion-mnist"]
            let folders = names.map { root.appending(path: $0, directoryHint: .isDirectory) }
            for folder in folders { try Self.fill(folder) }
            var environment = [
                "FASHION_MNIST": folders[1].path, "XDG_CACHE_HOME": root.appending(path: "cache").path,
            ]
            func located(_ directory: URL?) throws -> String? {
                try FashionMNIST.locate(directory, environment: environment, system: folders[2])?.path
            }
            #expect(try located(folders[0]) == folders[0].path)
            #expect(try located(nil) == folders[1].path)
            environment["FASHION_MNIST"] = ""
            #expect(try located(nil) == folders[2].path)
            try FileManager.default.removeItem(at: folders[2].appending(path: "t10k-labels-idx1-ubyte.gz"))
            #expect(try located(nil) == folders[3].path)
            try FileManager.default.removeItem(at: folders[3])
            #expect(try located(nil) == nil)
        }
    }

    @Test func `a named folder that lacks a file is an error, not a reason to look elsewhere`() throws {
        try FormatFixtures.withFolder { folder in
            let given = dataFileError { try DemonstrationImages.load(directory: folder) }
            #expect(given?.problem == "the folder has no file train-images-idx3-ubyte or train-images-idx3-ubyte.gz")
            let variable = dataFileError {
                try FashionMNIST.locate(nil, environment: ["FASHION_MNIST": folder.path], system: folder)
            }
            #expect(variable?.problem.contains("that $FASHION_MNIST names") == true)
        }
    }

    @Test func `labels out of range, other shapes and pairs of unlike length are refused`() throws {
        try FormatFixtures.withFolder { folder in
            func error(_ part: FashionMNIST.Part, _ bytes: [UInt8]) throws -> DataFileError? {
                try Self.fill(folder)
                try Data(bytes).write(to: folder.appending(path: part.rawValue + ".gz"))
                return dataFileError { try FashionMNIST.read(directory: folder) }
            }
            let label = try error(.testLabels, FormatFixtures.idx(8, [2], [1, 10]))
            #expect(label?.location == "element 1" && label?.problem == "the label 10 is not in 0...9")
            let shape = try error(
                .trainingImages, FormatFixtures.idx(8, [3, 27, 28], [UInt8](repeating: 0, count: 2268)))
            #expect(shape?.problem == "expected bytes of shape [n, 28, 28], found shape [3, 27, 28]")
            let pair = try error(.trainingLabels, FormatFixtures.idx(8, [2], [1, 2]))
            #expect(pair?.problem.hasPrefix("2 labels for the 3 images") == true)
        }
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: FashionMNIST.systemFolder.path)))
    func `the installed data set is read`() throws {
        let labels = try IDXFile(contentsOf: FashionMNIST.systemFolder.appending(path: "t10k-labels-idx1-ubyte.gz"))
        #expect(labels.shape == [10_000])
        let location = try FashionMNIST.locate(nil, environment: [:], system: FashionMNIST.systemFolder)
        #expect(location == FashionMNIST.systemFolder)
    }
}
