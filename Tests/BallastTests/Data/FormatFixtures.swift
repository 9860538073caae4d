import Ballast
import Foundation

/// The reference files beside the tests, and what the tests of file formats make for themselves.
enum FormatFixtures {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/Formats")

    static func url(_ name: String) -> URL { folder.appending(path: name) }

    static func bytes(_ name: String) throws -> [UInt8] { try Array(Data(contentsOf: url(name))) }

    /// Runs the body with a new, empty folder, removed afterwards.
    static func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: "ballast-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder)
    }

    /// The names of all files of a folder, hidden ones included.
    static func names(in folder: URL) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    static func bigEndian(_ value: UInt64, _ width: Int) -> [UInt8] {
        (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
    }

    /// An IDX file: the type's code, the shape and the content.
    static func idx(_ type: UInt8, _ shape: [Int], _ content: [UInt8]) -> [UInt8] {
        [0, 0, type, UInt8(shape.count)] + shape.flatMap { bigEndian(UInt64($0), 4) } + content
    }

    /// A gzip file whose content is stored, not compressed.
    static func gzip(_ content: [UInt8]) -> [UInt8] {
        var file: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
        for start in stride(from: 0, to: max(content.count, 1), by: 65535) {
            let block = content[start..<min(start + 65535, content.count)]
            let size = UInt16(block.count)
            file.append(block.endIndex == content.count ? 1 : 0)
            file += bigEndian(UInt64(size.byteSwapped), 2) + bigEndian(UInt64((~size).byteSwapped), 2) + block
        }
        let checksum = content.withUnsafeBytes { Gzip.checksum($0) }
        return file + bigEndian(UInt64(checksum.byteSwapped), 4)
            + bigEndian(UInt64(UInt32(content.count).byteSwapped), 4)
    }
}

/// The error that a body throws, where it is one of a data file; nil where there is none.
func dataFileError<Result>(_ body: () throws -> Result) -> DataFileError? {
    do {
        _ = try body()
        return nil
    } catch {
        return error as? DataFileError
    }
}
