internal import BallastFiles
public import Foundation

/// Several named arrays in NumPy's NPZ format: a zip archive of NPY files, stored or deflated.
///
/// The archive is read when opened; an array is decompressed, verified and decoded on request.
public struct NPZFile: Sendable {
    /// The names of the arrays, in the order of the file, without the ".npy" of the archive.
    public var names: [String] { entries.map(\.name) }

    private let entries: [(name: String, content: Content)]
    private let positions: [ExactText: Int]
    private let limit: MemoryLimit
    private let path: String

    private enum Content: Sendable {
        case array(NPYFile)
        case stored(ZipEntry, in: ZipArchive)
    }

    /// Creates the content of a file to write.
    ///
    /// - Throws: `DataFileError` if two arrays have one name, or a name is empty.
    public init(_ arrays: KeyValuePairs<String, NPYFile>) throws {
        try self.init(
            arrays.map { ($0.key, .array($0.value)) }, MemoryLimit(.max, fileBytes: 0), file: "(a new NPZ file)")
    }

    /// Opens a file.
    ///
    /// - Parameters:
    ///   - url: The file.
    ///   - maximumBytes: The most memory, in bytes, that the contents of all arrays may take together, and that one
    ///     array may take with its content; nil for 64 MiB and three times the size of the file.
    /// - Throws: `DataFileError` if the file cannot be read, is no zip archive, has a directory that disagrees with
    ///   its entries, announces more than `maximumBytes`, or has two arrays of one name. Names are compared byte by
    ///   byte.
    public init(contentsOf url: URL, maximumBytes: Int? = nil) throws {
        try self.init(bytes: ReadableFile.contents(of: url), file: url.path, maximumBytes: maximumBytes)
    }

    package init(bytes: [UInt8], file: String, maximumBytes: Int? = nil) throws {
        let archive = try ZipArchive(bytes, file: file)
        let limit = MemoryLimit(maximumBytes, fileBytes: bytes.count)
        var total = 0
        let entries = archive.entries.map { entry in
            let (sum, overflow) = total.addingReportingOverflow(entry.bytes)
            total = overflow ? .max : sum
            let isArray = entry.name.utf8.count > 4 && entry.name.utf8.suffix(4).elementsEqual(".npy".utf8)
            let name = isArray ? String(Substring(entry.name.utf8.dropLast(4))) : entry.name
            return (name, Content.stored(entry, in: archive))
        }
        try limit.check(content: total, file: file)
        try self.init(entries, limit, file: file)
    }

    private init(_ entries: [(name: String, content: Content)], _ limit: MemoryLimit, file: String) throws {
        var positions: [ExactText: Int] = [:]
        for (position, entry) in entries.enumerated()
        where entry.name.isEmpty || positions.updateValue(position, forKey: ExactText(entry.name)) != nil {
            throw DataFileError(
                .malformed, in: file,
                entry.name.isEmpty ? "an array has no name" : "two arrays are named \"\(entry.name.abbreviated)\"",
                suggestion: "Give every array a different name.")
        }
        self.entries = entries
        self.positions = positions
        self.limit = limit
        path = file
    }

    /// The array with a name.
    ///
    /// - Throws: `DataFileError` if there is none (the message lists the names), if its checksum or size is
    ///   wrong, where it takes more memory than the limit of the file, and as `NPYFile.init(contentsOf:)` does.
    public func array(named name: String) throws -> NPYFile {
        guard let position = positions[ExactText(name)] else {
            let list = names.prefix(20).map(\.abbreviated).joined(separator: ", ") + (names.count > 20 ? ", ..." : "")
            throw DataFileError(
                .malformed, in: path, "there is no array named \"\(name.abbreviated)\"",
                suggestion: "The file has: \(names.isEmpty ? "none" : list).")
        }
        switch entries[position].content {
        case .array(let array): return array
        case .stored(let stored, let archive):
            let file = "\(path), entry \"\(stored.name.abbreviated)\""
            let start = try archive.prefix(NPYHeader.maximumBytes, of: stored)
            let header = try start.withUnsafeBytes { try NPYHeader(of: $0, fileBytes: stored.bytes, file: file) }
            return try NPYFile(header: header, within: limit, file: file) { try archive.content(of: stored) }
        }
    }

    /// Writes the file, whole or not at all, uncompressed as `numpy.savez` does; the same arrays give the same bytes.
    ///
    /// - Throws: `DataFileError` with the reason of the system, such as a full disk (an existing file is untouched
    ///   then), and for archives of 4 GiB or more.
    public func write(to url: URL) throws {
        try AtomicFile.write(to: url) { file in
            var directory: [UInt8] = []
            var offset = 0
            for entry in entries {
                let content = try array(named: entry.name).encoded
                let name = Array("\(entry.name).npy".utf8)
                guard content.count < 0xFFFF_FFFF, offset < 0xFFFF_FFFF, name.count <= 0xFFFF, entries.count < 0xFFFF
                else {
                    throw DataFileError(
                        .unsupported, in: url.path, "the archive reaches 4 GiB, 65535 arrays, or a name that long",
                        suggestion: "Write each array to a separate .npy file.")
                }
                let record = Self.record(name, content)
                try file.write([0x50, 0x4B, 0x03, 0x04] + record)
                try file.write(name)
                try file.write(content)
                // Central header: made by version 2.0, then the same fields, no comment, no attributes, the offset.
                directory += [0x50, 0x4B, 0x01, 0x02, 20, 0] + record + [UInt8](repeating: 0, count: 10)
                directory += Self.littleEndian(offset, 4) + name
                offset += 4 + record.count + name.count + content.count
            }
            guard offset + directory.count < 0xFFFF_FFFF else {
                throw DataFileError(
                    .unsupported, in: url.path, "the archive reaches 4 GiB",
                    suggestion: "Write each array to a separate .npy file.")
            }
            try file.write(directory)
            let count = Self.littleEndian(entries.count, 2)
            try file.write(
                [0x50, 0x4B, 0x05, 0x06, 0, 0, 0, 0] + count + count + Self.littleEndian(directory.count, 4)
                    + Self.littleEndian(offset, 4) + [0, 0])
        }
    }

    /// The fields that local and central headers share: version, flags, method, time (1980), checksum and sizes.
    private static func record(_ name: [UInt8], _ content: [UInt8]) -> [UInt8] {
        let checksum = content.withUnsafeBytes { Gzip.checksum($0) }
        // Flag 0x0800: the name is UTF-8.
        return [20, 0, 0, 0x08, 0, 0, 0, 0, 0x21, 0] + littleEndian(Int(checksum), 4) + littleEndian(content.count, 4)
            + littleEndian(content.count, 4) + littleEndian(name.count, 2) + [0, 0]
    }

    private static func littleEndian(_ value: Int, _ width: Int) -> [UInt8] {
        (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}
