import CZlib

/// Decompression by the system's zlib, bounded by what the caller expects.
package enum Gzip {
    /// How the compressed bytes are framed.
    package enum Framing: Sendable {
        /// Gzip members one after another; zlib verifies the checksum and size of each.
        case gzip
        /// A bare deflate stream, as in a zip archive; the archive holds the checksum.
        case raw
    }

    /// Whether the bytes start as a gzip file does.
    package static func isCompressed(_ bytes: [UInt8]) -> Bool {
        bytes.count >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B
    }

    /// The decompressed content of a whole gzip file, of one member or several.
    ///
    /// - Parameter limit: The largest size expected, in bytes; more is an error. Memory is reserved for that many, so
    ///   the caller checks what a header announces first (`MemoryLimit`); what is not filled is not taken.
    /// - Throws: `DataFileError` for truncated or damaged input, a wrong checksum, and content beyond the limit.
    package static func inflate(
        _ bytes: [UInt8], as framing: Framing = .gzip, limit: Int, file: String
    ) throws -> [UInt8] {
        try bytes.withUnsafeBytes { try inflate($0, as: framing, limit: limit, file: file) }
    }

    /// The decompressed content of `bytes`; see `inflate(_:as:limit:file:)` for arrays.
    package static func inflate(
        _ bytes: UnsafeRawBufferPointer, as framing: Framing, limit: Int, file: String
    ) throws -> [UInt8] {
        var inflater = try Inflater(bytes, framing, file: file)
        defer { inflater.end() }
        let output = try [UInt8](unsafeUninitializedCapacity: limit) { output, count in
            count = try inflater.read(into: output)
        }
        var surplus: UInt8 = 0
        let isLonger = try withUnsafeMutablePointer(to: &surplus) { byte in
            try inflater.read(into: UnsafeMutableBufferPointer(start: byte, count: 1)) > 0
        }
        guard !isLonger else {
            throw DataFileError(
                .oversized, in: file, "the decompressed content exceeds the expected \(limit) bytes",
                suggestion: "The file is damaged, or larger than the limit that was set for it.")
        }
        return output
    }

    /// The first bytes of the decompressed content: `count` of them, or fewer where the content is shorter.
    package static func prefix(
        _ count: Int, of bytes: UnsafeRawBufferPointer, as framing: Framing = .gzip, file: String
    ) throws -> [UInt8] {
        var inflater = try Inflater(bytes, framing, file: file)
        defer { inflater.end() }
        return try [UInt8](unsafeUninitializedCapacity: count) { output, initialized in
            initialized = try inflater.read(into: output)
        }
    }

    /// The CRC-32 of the bytes, as gzip and zip define it.
    package static func checksum(_ bytes: UnsafeRawBufferPointer, continuing start: UInt32 = 0) -> UInt32 {
        var value = uLong(start)
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
            value = crc32(value, part.bindMemory(to: UInt8.self).baseAddress, uInt(part.count))
            rest = rest.dropFirst(part.count)
        }
        return UInt32(truncatingIfNeeded: value)
    }
}

/// One decompression under way: `read` gives a part at a time, so that the caller can stop at a limit.
private struct Inflater {
    private let stream: UnsafeMutablePointer<z_stream>
    private let input: UnsafeRawBufferPointer
    private let framing: Gzip.Framing
    private let file: String
    /// Bytes of the input that zlib has consumed.
    private var position = 0
    private var produced = 0
    private var isFinished = false

    init(_ input: UnsafeRawBufferPointer, _ framing: Gzip.Framing, file: String) throws {
        self.input = input
        self.framing = framing
        self.file = file
        // zlib keeps the stream's address, so it lives on the heap.
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let windowBits: Int32 = framing == .gzip ? 15 + 16 : -15
        let code = inflateInit2_(stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard code == Z_OK else {
            stream.deallocate()
            throw DataFileError(
                .unreadable, in: file, "zlib cannot start (code \(code))",
                suggestion: "Check the free memory and the installed zlib.")
        }
    }

    func end() {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Fills the buffer with the next bytes of the content; gives fewer only where the content ends.
    mutating func read(into output: UnsafeMutableBufferPointer<UInt8>) throws -> Int {
        var filled = 0
        while filled < output.count, !isFinished {
            let given = min(input.count - position, 1 << 30)
            let room = min(output.count - filled, 1 << 30)
            // zlib does not write to its input; its interface predates const.
            stream.pointee.next_in = UnsafeMutablePointer(
                mutating: input.bindMemory(to: UInt8.self).baseAddress.map { $0 + position })
            stream.pointee.avail_in = uInt(given)
            stream.pointee.next_out = output.baseAddress.map { $0 + filled }
            stream.pointee.avail_out = uInt(room)
            let code = CZlib.inflate(stream, Z_NO_FLUSH)
            let consumed = given - Int(stream.pointee.avail_in)
            let written = room - Int(stream.pointee.avail_out)
            position += consumed
            filled += written
            produced += written
            if code == Z_STREAM_END {
                try finishMember()
            } else if code != Z_OK || written + consumed == 0 {
                throw failure(code)
            }
        }
        return filled
    }

    private func failure(_ code: Int32) -> DataFileError {
        if code == Z_OK || code == Z_BUF_ERROR {
            return DataFileError(
                .truncated, in: file, at: "byte \(input.count)",
                "the compressed data ends in the middle, after \(produced) decompressed bytes",
                suggestion: "The file was cut off: fetch or write it again.")
        }
        let reason = stream.pointee.msg.map { String(cString: $0) } ?? "zlib code \(code)"
        let isChecksum = reason == "incorrect data check" || reason == "incorrect length check"
        return DataFileError(
            isChecksum ? .checksum : .malformed, in: file, at: "byte \(position)",
            "the compressed data is damaged (\(reason))", suggestion: "Fetch or write the file again.")
    }

    /// Looks at what follows a complete member: another one, padding, the end, or something foreign.
    private mutating func finishMember() throws {
        isFinished = true
        guard framing == .gzip else {
            guard position == input.count else { throw foreign("the compressed entry") }
            return
        }
        let rest = input[position...]
        if rest.count >= 2, rest[position] == 0x1F, rest[position + 1] == 0x8B {
            isFinished = false
            inflateReset(stream)
        } else if rest.contains(where: { $0 != 0 }) {
            throw foreign("the gzip data")
        }
    }

    private func foreign(_ what: String) -> DataFileError {
        DataFileError(
            .malformed, in: file, at: "byte \(position)", "\(input.count - position) bytes follow \(what)",
            suggestion: "The file is damaged or two files were joined: fetch or write it again.")
    }
}
