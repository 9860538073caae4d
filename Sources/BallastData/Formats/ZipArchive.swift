internal import BallastFiles

/// The table of contents of a zip archive held in memory, and its entries, stored or deflated.
///
/// The directory at the end of the archive, the end record and the entries' own headers repeat each other. All that is
/// repeated must agree, so that damage to the directory neither renames nor drops an entry.
///
/// - Source: PKWARE, APPNOTE.TXT 6.3 (sections 4.3 and 4.5.3).
struct ZipArchive {
    let entries: [ZipEntry]
    private let reader: ByteReader
    /// Where the content of each entry is stored, by the position of its header.
    private let contents: [Int: Range<Int>]

    init(_ bytes: [UInt8], file: String) throws {
        reader = ByteReader(bytes: bytes, file: file)
        let directory = try Directory(reader)
        var entries: [ZipEntry] = []
        var position = directory.start
        for _ in 0..<directory.count {
            entries.append(try ZipEntry(inDirectoryOf: reader, at: &position))
        }
        guard position == directory.end else {
            throw reader.malformed("the directory ends at byte \(position), not at \(directory.end)", at: position)
        }
        self.entries = entries
        contents = try Self.contents(of: entries, before: directory.start, reader)
    }

    /// The places of the contents, each entry's bytes its own.
    private static func contents(
        of entries: [ZipEntry], before end: Int, _ reader: ByteReader
    ) throws -> [Int: Range<Int>] {
        var contents: [Int: Range<Int>] = [:]
        var free = 0
        for entry in entries.sorted(by: { $0.offset < $1.offset }) {
            let content = try entry.content(in: reader)
            guard entry.offset >= free, content.upperBound <= end else {
                throw reader.malformed(
                    "entry \"\(entry.name.abbreviated)\" overlaps another one or the directory", at: entry.offset)
            }
            free = content.upperBound
            contents[entry.offset] = content
        }
        return contents
    }

    /// The first bytes of an entry's content, of which nothing is verified yet.
    func prefix(_ count: Int, of entry: ZipEntry) throws -> [UInt8] {
        try withStored(entry) { stored, file in
            entry.method == 0
                ? Array(stored.prefix(count))
                : try Gzip.prefix(min(count, entry.bytes), of: stored, as: .raw, file: file)
        }
    }

    /// The content of an entry, its size and checksum verified. Memory is taken for the size that the entry announces.
    func content(of entry: ZipEntry) throws -> [UInt8] {
        try withStored(entry) { stored, file in
            let content =
                entry.method == 0
                ? Array(stored) : try Gzip.inflate(stored, as: .raw, limit: entry.bytes, file: file)
            guard content.count == entry.bytes else {
                throw DataFileError(
                    .truncated, in: file, "expected \(entry.bytes) bytes, found \(content.count)",
                    suggestion: "The archive is damaged: write it again.")
            }
            let checksum = content.withUnsafeBytes { Gzip.checksum($0) }
            guard checksum == entry.checksum else {
                throw DataFileError(
                    .checksum, in: file,
                    "the content has the checksum \(String(checksum, radix: 16)), the archive says \(String(entry.checksum, radix: 16))",
                    suggestion: "The archive is damaged: write it again.")
            }
            return content
        }
    }

    /// Hands over the stored bytes of an entry, and what errors call the entry.
    private func withStored(
        _ entry: ZipEntry, _ body: (UnsafeRawBufferPointer, String) throws -> [UInt8]
    ) throws -> [UInt8] {
        let file = "\(reader.file), entry \"\(entry.name.abbreviated)\""
        guard entry.method == 0 || entry.method == 8 else {
            throw DataFileError(
                .unsupported, in: file, "compression method \(entry.method) is not read",
                suggestion: "Write the archive with numpy.savez or numpy.savez_compressed.")
        }
        guard entry.method == 8 || entry.storedBytes == entry.bytes, let stored = contents[entry.offset] else {
            throw DataFileError(
                .malformed, in: file, "it is stored in \(entry.storedBytes) bytes but has \(entry.bytes)",
                suggestion: "The archive is damaged: write it again.")
        }
        return try reader.bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[stored]), file) }
    }
}

extension ZipArchive {
    /// Where the directory is, by the record at the end of the archive.
    private struct Directory {
        let count: Int
        let start: Int
        let end: Int

        init(_ reader: ByteReader) throws {
            // The end record is 22 bytes and a comment of up to 65535, which ends the file.
            let size = reader.bytes.count
            let candidates = stride(from: size - 22, through: max(0, size - 22 - 65535), by: -1)
            guard size >= 22,
                let record = try candidates.first(where: { candidate in
                    guard reader.bytes[candidate...].starts(with: [0x50, 0x4B, 5, 6]) else { return false }
                    return try reader.integer(at: candidate + 20, width: 2) == size - candidate - 22
                })
            else {
                throw DataFileError(
                    .malformed, in: reader.file, "this is no zip archive, or its end is missing",
                    suggestion: "The file was cut off, or is not .npz: write it again with numpy.savez.")
            }
            var fields = try Self.fields(reader, at: record + 4, widths: [2, 2, 2, 2, 4, 4])
            var end = record
            if record >= 20, try reader.integer(at: record - 20, width: 4) == 0x0706_4B50 {
                // Zip64: a locator, and before it a record of wide fields; the narrow ones repeat them or are all ones.
                let wide = try reader.integer(at: record - 20 + 8, width: 8)
                guard try reader.integer(at: wide, width: 4) == 0x0606_4B50 else {
                    throw reader.malformed("the zip64 end record is missing", at: wide)
                }
                let wideFields = try Self.fields(reader, at: wide + 16, widths: [4, 4, 8, 8, 8, 8])
                for (index, limit) in [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF_FFFF, 0xFFFF_FFFF].enumerated()
                where fields[index] != limit && fields[index] != wideFields[index] {
                    throw reader.malformed("the two end records of the archive disagree", at: record)
                }
                fields = wideFields
                end = wide
            }
            (count, start, self.end) = (fields[3], fields[5], end)
            // An entry takes 46 bytes at least: a count beyond that is a lie.
            guard fields[0] == 0, fields[1] == 0, fields[2] == count, count <= size / 46, start <= end,
                fields[4] == end - start
            else {
                throw reader.malformed(
                    "the end record announces \(count) entries in \(fields[4]) bytes from byte \(start) on, which is not what is there",
                    at: record)
            }
        }

        /// Numbers of some widths, one after another.
        private static func fields(_ reader: ByteReader, at start: Int, widths: [Int]) throws -> [Int] {
            var position = start
            return try widths.map { width in
                defer { position += width }
                return try reader.integer(at: position, width: width)
            }
        }
    }
}
