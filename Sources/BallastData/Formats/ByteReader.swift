internal import BallastFiles

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
                suggestion: "The file was cut off or is damaged: write it again.")
        }
        return offset..<end
    }

    func malformed(_ problem: String, at offset: Int) -> DataFileError {
        DataFileError(
            .malformed, in: file, at: "byte \(offset)", problem, suggestion: "The file is damaged: write it again.")
    }
}
