public import BallastFiles

/// The table of contents of a zip archive held in memory, and its entries, stored or deflated.
///
/// - Source: PKWARE, APPNOTE.TXT 6.3 (sections 4.3 and 4.5.3).
struct ZipArchive {
    struct Entry: Hashable {
        var name: String
        var method: Int
        var checksum: UInt32
        var storedBytes: Int
        var bytes: Int
        /// Where the entry's local header starts.
        var offset: Int
    }

    let entries: [Entry]
    private let reader: ByteReader

    init(_ bytes: [UInt8], file: String) throws {
        reader = ByteReader(bytes: bytes, file: file)
        let (count, start) = try Self.directory(reader)
        var entries: [Entry] = []
        var position = start
        for _ in 0..<count {
            entries.append(try Self.entry(reader, at: &position))
        }
        self.entries = entries
    }

    /// The content of an entry, its checksum verified.
    func content(of entry: Entry) throws -> [UInt8] {
        let place = "entry \"\(entry.name)\""
        guard try reader.integer(at: entry.offset, width: 4) == 0x0403_4B50 else {
            throw reader.malformed("\(place) has no local header", at: entry.offset)
        }
        let names =
            try reader.integer(at: entry.offset + 26, width: 2) + reader.integer(at: entry.offset + 28, width: 2)
        let stored = try reader.range(at: entry.offset + 30 + names, count: entry.storedBytes)
        let file = "\(reader.file), \(place)"
        let content: [UInt8]
        switch entry.method {
        case 0:
            guard entry.storedBytes == entry.bytes else {
                throw reader.malformed(
                    "\(place) is stored in \(entry.storedBytes) bytes but has \(entry.bytes)", at: entry.offset)
            }
            content = Array(reader.bytes[stored])
        case 8:
            content = try reader.bytes.withUnsafeBytes { bytes in
                try Gzip.inflate(
                    UnsafeRawBufferPointer(rebasing: bytes[stored]), as: .raw, limit: entry.bytes, file: file)
            }
        default:
            throw DataFileError(
                .unsupported, in: file, "compression method \(entry.method) is not read",
                cure: "Write the archive with numpy.savez or numpy.savez_compressed.")
        }
        guard content.count == entry.bytes else {
            throw DataFileError(
                .truncated, in: file, "expected \(entry.bytes) bytes, found \(content.count)",
                cure: "The archive is damaged: write it again.")
        }
        let checksum = content.withUnsafeBytes { Gzip.checksum($0) }
        guard checksum == entry.checksum else {
            throw DataFileError(
                .checksum, in: file,
                "the content has the checksum \(String(checksum, radix: 16)), the archive says \(String(entry.checksum, radix: 16))",
                cure: "The archive is damaged: write it again.")
        }
        return content
    }

    /// The number of entries and the position of the first one in the central directory.
    private static func directory(_ reader: ByteReader) throws -> (count: Int, start: Int) {
        // The end record is 22 bytes and a comment of up to 65535.
        let count = reader.bytes.count
        let candidates = stride(from: count - 22, through: max(0, count - 22 - 65535), by: -1)
        guard count >= 22,
            let end = try candidates.first(where: { try reader.integer(at: $0, width: 4) == 0x0605_4B50 })
        else {
            throw DataFileError(
                .malformed, in: reader.file, "this is no zip archive, or its end is missing",
                cure: "The file was cut off, or is not .npz: write it again with numpy.savez.")
        }
        var entries = try reader.integer(at: end + 10, width: 2)
        var start = try reader.integer(at: end + 16, width: 4)
        if entries == 0xFFFF || start == 0xFFFF_FFFF,
            end >= 20, try reader.integer(at: end - 20, width: 4) == 0x0706_4B50
        {
            let record = try reader.integer(at: end - 20 + 8, width: 8)
            guard try reader.integer(at: record, width: 4) == 0x0606_4B50 else {
                throw reader.malformed("the zip64 end record is missing", at: record)
            }
            entries = try reader.integer(at: record + 32, width: 8)
            start = try reader.integer(at: record + 48, width: 8)
        }
        // An entry takes 46 bytes at least: a count beyond that is a lie.
        guard entries <= reader.bytes.count / 46 else {
            throw reader.malformed("\(entries) entries do not fit \(reader.bytes.count) bytes", at: end)
        }
        return (entries, start)
    }

    private static func entry(_ reader: ByteReader, at position: inout Int) throws -> Entry {
        let start = position
        guard try reader.integer(at: start, width: 4) == 0x0201_4B50 else {
            throw reader.malformed("an entry of the archive's directory is missing", at: start)
        }
        let nameBytes = try reader.integer(at: start + 28, width: 2)
        let extraBytes = try reader.integer(at: start + 30, width: 2)
        let commentBytes = try reader.integer(at: start + 32, width: 2)
        let name = try reader.range(at: start + 46, count: nameBytes)
        let extra = try reader.range(at: start + 46 + nameBytes, count: extraBytes)
        var entry = Entry(
            name: String(decoding: reader.bytes[name], as: UTF8.self),
            method: try reader.integer(at: start + 10, width: 2),
            checksum: UInt32(truncatingIfNeeded: try reader.integer(at: start + 16, width: 4)),
            storedBytes: try reader.integer(at: start + 20, width: 4),
            bytes: try reader.integer(at: start + 24, width: 4),
            offset: try reader.integer(at: start + 42, width: 4))
        guard try reader.integer(at: start + 8, width: 2) & 1 == 0 else {
            throw DataFileError(
                .unsupported, in: reader.file, "entry \"\(entry.name)\" is encrypted",
                cure: "Write the archive without a password.")
        }
        try readWideSizes(of: &entry, extra, reader)
        position = extra.upperBound + commentBytes
        return entry
    }

    /// Replaces the sizes that do not fit 32 bits by those of the zip64 extra field.
    private static func readWideSizes(of entry: inout Entry, _ extra: Range<Int>, _ reader: ByteReader) throws {
        var position = extra.lowerBound
        while position + 4 <= extra.upperBound {
            let tag = try reader.integer(at: position, width: 2)
            let size = try reader.integer(at: position + 2, width: 2)
            let end = position + 4 + size
            position += 4
            if tag == 1 {
                for field in [\Entry.bytes, \Entry.storedBytes, \Entry.offset]
                where entry[keyPath: field] == 0xFFFF_FFFF {
                    guard position + 8 <= min(end, extra.upperBound) else {
                        throw reader.malformed("entry \"\(entry.name)\" lacks its zip64 sizes", at: position)
                    }
                    entry[keyPath: field] = try reader.integer(at: position, width: 8)
                    position += 8
                }
            }
            position = end
        }
    }
}

/// Bytes read by position, each access checked.
struct ByteReader {
    let bytes: [UInt8]
    let file: String

    /// The little-endian unsigned integer of `width` bytes; one beyond `Int` is an error.
    func integer(at offset: Int, width: Int) throws -> Int {
        let value = bytes[try range(at: offset, count: width)].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard let value = Int(exactly: value) else { throw malformed("the number \(value) is too large", at: offset) }
        return value
    }

    /// The positions of `count` bytes from `offset` on.
    func range(at offset: Int, count: Int) throws -> Range<Int> {
        let (end, overflow) = offset.addingReportingOverflow(count)
        guard offset >= 0, count >= 0, !overflow, end <= bytes.count else {
            throw DataFileError(
                .truncated, in: file, at: "byte \(offset)",
                "\(count) bytes are needed here, the file has \(bytes.count)",
                cure: "The file was cut off or is damaged: write it again.")
        }
        return offset..<end
    }

    func malformed(_ problem: String, at offset: Int) -> DataFileError {
        DataFileError(
            .malformed, in: file, at: "byte \(offset)", problem, cure: "The file is damaged: write it again.")
    }
}
