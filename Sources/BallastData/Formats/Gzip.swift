public import BallastFiles
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
    /// - Parameter limit: The largest size expected, in bytes; more is an error, found before it fills the memory.
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
        var output: [UInt8] = []
        // Only a guess, from the size of the input: what a header states must not decide how much is reserved.
        output.reserveCapacity(min(limit, 4 * bytes.count))
        while try inflater.next(appendingTo: &output) {
            guard output.count <= limit else {
                throw DataFileError(
                    .oversized, in: file, "the decompressed content exceeds the expected \(limit) bytes",
                    cure: "The file is damaged, or larger than the limit that was set for it.")
            }
        }
        return output
    }

    /// The first bytes of the decompressed content: `count` of them, or fewer where the content is shorter.
    package static func prefix(_ count: Int, of bytes: [UInt8], file: String) throws -> [UInt8] {
        try bytes.withUnsafeBytes { bytes in
            var inflater = try Inflater(bytes, .gzip, file: file, chunk: 4096)
            defer { inflater.end() }
            var output: [UInt8] = []
            while output.count < count, try inflater.next(appendingTo: &output) {}
            return Array(output.prefix(count))
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

/// One decompression under way: `next` gives a chunk at a time, so that the caller can stop at a limit.
private struct Inflater {
    private let stream: UnsafeMutablePointer<z_stream>
    private let scratch: UnsafeMutableBufferPointer<UInt8>
    private let input: UnsafeRawBufferPointer
    private let framing: Gzip.Framing
    private let file: String
    /// Bytes of the input that zlib has consumed.
    private var position = 0
    private var isFinished = false

    init(_ input: UnsafeRawBufferPointer, _ framing: Gzip.Framing, file: String, chunk: Int = 1 << 18) throws {
        self.input = input
        self.framing = framing
        self.file = file
        // zlib keeps the stream's address, so it lives on the heap.
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        scratch = .allocate(capacity: chunk)
        let windowBits: Int32 = framing == .gzip ? 15 + 16 : -15
        let code = inflateInit2_(stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard code == Z_OK else {
            stream.deallocate()
            scratch.deallocate()
            throw DataFileError(
                .unreadable, in: file, "zlib cannot start (code \(code))",
                cure: "Check the free memory and the installed zlib.")
        }
    }

    func end() {
        inflateEnd(stream)
        stream.deallocate()
        scratch.deallocate()
    }

    /// Appends the next chunk; false at the end of the content.
    mutating func next(appendingTo output: inout [UInt8]) throws -> Bool {
        if isFinished { return false }
        let given = min(input.count - position, 1 << 30)
        // zlib does not write to its input; its interface predates const.
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: input.bindMemory(to: UInt8.self).baseAddress.map { $0 + position })
        stream.pointee.avail_in = uInt(given)
        stream.pointee.next_out = scratch.baseAddress
        stream.pointee.avail_out = uInt(scratch.count)
        let code = CZlib.inflate(stream, Z_NO_FLUSH)
        position += given - Int(stream.pointee.avail_in)
        let produced = scratch.count - Int(stream.pointee.avail_out)
        output.append(contentsOf: UnsafeBufferPointer(rebasing: scratch[..<produced]))
        switch code {
        case Z_STREAM_END:
            try finishMember()
        case Z_OK where produced > 0 || position < input.count:
            break
        case Z_OK, Z_BUF_ERROR:
            throw DataFileError(
                .truncated, in: file, at: "byte \(input.count)",
                "the compressed data ends in the middle, after \(output.count) decompressed bytes",
                cure: "The file was cut off: fetch or write it again.")
        default:
            let reason = stream.pointee.msg.map { String(cString: $0) } ?? "zlib code \(code)"
            let isChecksum = reason == "incorrect data check" || reason == "incorrect length check"
            throw DataFileError(
                isChecksum ? .checksum : .malformed, in: file, at: "byte \(position)",
                "the compressed data is damaged (\(reason))", cure: "Fetch or write the file again.")
        }
        return true
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
            cure: "The file is damaged or two files were joined: fetch or write it again.")
    }
}
