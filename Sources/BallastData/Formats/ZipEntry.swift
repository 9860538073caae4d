internal import BallastFiles

/// An entry of a zip archive, as the archive's directory and the entry's own header describe it.
struct ZipEntry: Hashable {
    var name: String
    var flags: Int
    var method: Int
    var checksum: UInt32
    var storedBytes: Int
    var bytes: Int
    /// Where the entry's own header starts.
    var offset = 0

    /// Whether sizes and checksum follow the content, so that the entry's own header may lack them.
    private var isStreamed: Bool { flags & 8 != 0 }

    /// Reads the directory's description of an entry.
    ///
    /// - Parameter position: Where it starts; afterwards, where it ends.
    init(inDirectoryOf reader: ByteReader, at position: inout Int) throws {
        let start = position
        guard try reader.integer(at: start, width: 4) == 0x0201_4B50 else {
            throw reader.malformed("an entry of the archive's directory is missing", at: start)
        }
        offset = 0
        (name, flags, method, checksum, storedBytes, bytes) = ("", 0, 0, 0, 0, 0)
        let extra = try readFields(reader, at: start + 8, names: start + 28, nameStart: start + 46)
        offset = try reader.integer(at: start + 42, width: 4)
        guard flags & 1 == 0 else {
            throw DataFileError(
                .unsupported, in: reader.file, "entry \"\(name.abbreviated)\" is encrypted",
                suggestion: "Write the archive without a password.")
        }
        try readWideFields([\.bytes, \.storedBytes, \.offset], extra, reader)
        position = extra.upperBound + (try reader.integer(at: start + 32, width: 2))
    }

    /// Reads the header before an entry's content.
    private init(ownHeaderOf reader: ByteReader, at start: Int) throws {
        guard try reader.integer(at: start, width: 4) == 0x0403_4B50 else {
            throw reader.malformed("an entry has no header", at: start)
        }
        (name, flags, method, checksum, storedBytes, bytes) = ("", 0, 0, 0, 0, 0)
        let extra = try readFields(reader, at: start + 6, names: start + 26, nameStart: start + 30)
        try readWideFields([\.bytes, \.storedBytes], extra, reader)
        offset = extra.upperBound
    }

    /// Where the content is stored, once the entry's own header is found to say what the directory says.
    func content(in reader: ByteReader) throws -> Range<Int> {
        var own = try ZipEntry(ownHeaderOf: reader, at: offset)
        let start = own.offset
        if isStreamed, own.checksum == 0, own.storedBytes == 0, own.bytes == 0 {
            (own.checksum, own.storedBytes, own.bytes) = (checksum, storedBytes, bytes)
        }
        own.offset = offset
        guard ExactText(own.name) == ExactText(name), own.hasFields(of: self) else {
            throw reader.malformed(
                "entry \"\(name.abbreviated)\" has another name, size, method or checksum in its own header than in the archive's directory",
                at: offset)
        }
        return try reader.range(at: start, count: storedBytes)
    }

    private func hasFields(of other: ZipEntry) -> Bool {
        flags == other.flags && method == other.method && checksum == other.checksum
            && storedBytes == other.storedBytes && bytes == other.bytes
    }

    /// Reads what both descriptions share; gives the place of the extra fields.
    private mutating func readFields(
        _ reader: ByteReader, at start: Int, names: Int, nameStart: Int
    ) throws -> Range<Int> {
        let nameBytes = try reader.range(at: nameStart, count: reader.integer(at: names, width: 2))
        name = String(decoding: reader.bytes[nameBytes], as: UTF8.self)
        flags = try reader.integer(at: start, width: 2)
        method = try reader.integer(at: start + 2, width: 2)
        checksum = UInt32(truncatingIfNeeded: try reader.integer(at: start + 8, width: 4))
        storedBytes = try reader.integer(at: start + 12, width: 4)
        bytes = try reader.integer(at: start + 16, width: 4)
        return try reader.range(at: nameBytes.upperBound, count: reader.integer(at: names + 2, width: 2))
    }

    /// Replaces the fields that do not fit 32 bits by those of the zip64 extra field.
    private mutating func readWideFields(
        _ fields: [WritableKeyPath<ZipEntry, Int>], _ extra: Range<Int>, _ reader: ByteReader
    ) throws {
        var position = extra.lowerBound
        while position + 4 <= extra.upperBound {
            let tag = try reader.integer(at: position, width: 2)
            let end = position + 4 + (try reader.integer(at: position + 2, width: 2))
            position += 4
            if tag == 1 {
                for field in fields where self[keyPath: field] == 0xFFFF_FFFF {
                    guard position + 8 <= min(end, extra.upperBound) else {
                        throw reader.malformed("entry \"\(name.abbreviated)\" lacks its zip64 sizes", at: position)
                    }
                    self[keyPath: field] = try reader.integer(at: position, width: 8)
                    position += 8
                }
            }
            position = end
        }
    }
}
