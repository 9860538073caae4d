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

extension FormatFixtures {
    /// A deflate stream of `prefix` and then zeros, to `count` bytes in all: each of its bytes stands for 158.
    static func deflated(_ prefix: [UInt8], zerosTo count: Int) -> [UInt8] {
        let size = UInt16(prefix.count)
        var bytes = [0] + bigEndian(UInt64(size.byteSwapped), 2) + bigEndian(UInt64((~size).byteSwapped), 2) + prefix
        // The last block, in fixed codes: zeros one by one, then runs of 258 that repeat the byte before.
        let runs = (count - prefix.count - 1) / 258
        var bits: [Bool] = [true, true, false]
        func append(_ code: Int, _ width: Int) { bits += (0..<width).reversed().map { code >> $0 & 1 == 1 } }
        for _ in 0..<(count - prefix.count - 258 * runs) { append(0x30, 8) }
        let pattern: [Bool] = [true, true, false, false, false, true, false, true, false, false, false, false, false]
        // Eight runs take 13 whole bytes, which then repeat.
        let rest = runs % 8
        for _ in 0..<(rest + (runs >= 8 ? 8 : 0)) { bits += pattern }
        let whole = bits.count / 8 * 8
        let packed = stride(from: 0, to: whole, by: 8).map { start in
            (0..<8).reduce(UInt8(0)) { $0 | (bits[start + $1] ? 1 << UInt8($1) : 0) }
        }
        bytes += packed
        if runs >= 8 {
            let cycle = packed.suffix(13)
            bytes.reserveCapacity(bytes.count + runs / 8 * 13 + 3)
            for _ in 1..<(runs / 8) { bytes += cycle }
        }
        // The bits that are left over, and the code that ends the block: seven zeros.
        let tail = Array(bits[whole...]) + [Bool](repeating: false, count: 7)
        for start in stride(from: 0, to: tail.count, by: 8) {
            bytes.append(
                (start..<min(start + 8, tail.count)).reduce(0) { $0 | (tail[$1] ? 1 << UInt8($1 - start) : 0) })
        }
        return bytes
    }

    /// A gzip file around a deflate stream whose content has this checksum and size.
    static func gzip(deflated: [UInt8], checksum: UInt32, count: Int) -> [UInt8] {
        [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255] + deflated + bigEndian(UInt64(checksum.byteSwapped), 4)
            + bigEndian(UInt64(UInt32(truncatingIfNeeded: count).byteSwapped), 4)
    }

    /// A zip archive of one entry, whose content has this checksum and size: stored as it is, or deflated.
    static func zip(_ name: [UInt8], _ stored: [UInt8], method: UInt8, checksum: UInt32, count: Int) -> [UInt8] {
        func little(_ value: Int, _ width: Int) -> [UInt8] {
            (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        let fields =
            [20, 0, 0, 8, method, 0, 0, 0, 0x21, 0] + little(Int(checksum), 4) + little(stored.count, 4)
            + little(count, 4) + little(name.count, 2) + [0, 0]
        let local = [0x50, 0x4B, 3, 4] + fields + name + stored
        let central = [0x50, 0x4B, 1, 2, 20, 0] + fields + [UInt8](repeating: 0, count: 14) + name
        return local + central + [0x50, 0x4B, 5, 6, 0, 0, 0, 0, 1, 0, 1, 0] + little(central.count, 4)
            + little(local.count, 4) + [0, 0]
    }

    /// The start of an NPY file.
    static func npy(_ type: String, _ shape: String, isFortran: Bool = false) -> [UInt8] {
        let header = "{'descr': '\(type)', 'fortran_order': \(isFortran ? "True" : "False"), 'shape': \(shape), }\n"
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8)
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
