public import BallastFiles
public import Foundation

/// An array in the IDX format of the MNIST data sets, plain or compressed with gzip.
///
/// Element types: 0x08 unsigned byte, 0x09 signed byte, 0x0B 16-bit, 0x0C 32-bit, 0x0D float, 0x0E double; all
/// big-endian, row-major. Whether the file is compressed is seen from its content, not from its name.
///
/// - Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits".
public struct IDXFile: Sendable, Hashable {
    /// The size of each dimension.
    public let shape: [Int]
    /// The elements in row-major order.
    public let elements: StoredElements

    /// Reads a file.
    ///
    /// - Parameters:
    ///   - url: The file.
    ///   - maximumBytes: The most memory that a compressed file may take, its content and its elements together, in
    ///     bytes; nil for 64 MiB and three times the size of the file. A file that is not compressed has no limit.
    /// - Throws: `DataFileError` if the file cannot be read, is not IDX, is shorter or longer than its header
    ///   says, or takes more memory than `maximumBytes`.
    public init(contentsOf url: URL, maximumBytes: Int? = nil) throws {
        try self.init(bytes: ReadableFile.contents(of: url), file: url.path, maximumBytes: maximumBytes)
    }

    package init(bytes: [UInt8], file: String, maximumBytes: Int? = nil) throws {
        let isCompressed = Gzip.isCompressed(bytes)
        // At most 255 dimensions of four bytes follow the four bytes of the magic number.
        let headBytes = 4 + 4 * 255
        let head =
            isCompressed
            ? try bytes.withUnsafeBytes { try Gzip.prefix(headBytes, of: $0, file: file) }
            : Array(bytes.prefix(headBytes))
        let header = try Header(head, file: file)
        if isCompressed {
            try MemoryLimit(maximumBytes, fileBytes: bytes.count).check(
                content: header.totalBytes, elements: header.encoding.memory(for: header.shape), file: file)
        }
        let content: [UInt8]
        do {
            content = isCompressed ? try Gzip.inflate(bytes, limit: header.totalBytes, file: file) : bytes
        } catch let error as DataFileError where error.kind == .oversized {
            throw header.mismatch("more", file, .oversized)
        }
        guard content.count == header.totalBytes else {
            throw header.mismatch(
                "\(content.count)", file, content.count < header.totalBytes ? .truncated : .oversized)
        }
        shape = header.shape
        elements = try header.encoding.decode(consume content, from: header.bytes, file: file)
    }
}

/// What the first bytes of an IDX file say.
private struct Header {
    let encoding: ElementEncoding
    let shape: [Int]
    /// The size of the header itself, in bytes.
    let bytes: Int
    /// The size of the whole file, in bytes.
    let totalBytes: Int

    init(_ head: [UInt8], file: String) throws {
        guard head.count >= 4 else {
            throw DataFileError(
                .truncated, in: file, "expected at least 4 bytes, found \(head.count)",
                suggestion: "The file is empty or was cut off: fetch it again.")
        }
        guard head[0] == 0, head[1] == 0 else {
            throw DataFileError(
                .malformed, in: file, at: "byte 0",
                "an IDX file starts with two zero bytes, found \(head[0]) and \(head[1])",
                suggestion: "Pass an IDX file, plain or compressed with gzip.")
        }
        let encodings: [UInt8: ElementEncoding] = [
            0x08: ElementEncoding(.unsigned, width: 1, isBigEndian: true),
            0x09: ElementEncoding(.signed, width: 1, isBigEndian: true),
            0x0B: ElementEncoding(.signed, width: 2, isBigEndian: true),
            0x0C: ElementEncoding(.signed, width: 4, isBigEndian: true),
            0x0D: ElementEncoding(.float, width: 4, isBigEndian: true),
            0x0E: ElementEncoding(.float, width: 8, isBigEndian: true),
        ]
        guard let encoding = encodings[head[2]] else {
            throw DataFileError(
                .unsupported, in: file, at: "byte 2", "the element type 0x\(String(head[2], radix: 16)) is unknown",
                suggestion: "IDX knows 0x08, 0x09, 0x0B, 0x0C, 0x0D and 0x0E.")
        }
        let dimensions = Int(head[3])
        let bytes = 4 + 4 * dimensions
        guard head.count >= bytes else {
            throw DataFileError(
                .truncated, in: file,
                "the header of \(dimensions) dimensions takes \(bytes) bytes, found \(head.count)",
                suggestion: "The file was cut off: fetch it again.")
        }
        shape = (0..<dimensions).map { dimension in
            head[(4 + 4 * dimension)..<(8 + 4 * dimension)].reduce(0) { $0 << 8 | Int($1) }
        }
        guard let content = (shape + [encoding.width]).checkedProduct,
            case let (total, overflow) = content.addingReportingOverflow(bytes), !overflow
        else {
            throw DataFileError(
                .malformed, in: file, at: "byte 4", "the shape \(shape) is larger than any file",
                suggestion: "The header is damaged: fetch the file again.")
        }
        self.encoding = encoding
        self.bytes = bytes
        totalBytes = total
    }

    func mismatch(_ found: String, _ file: String, _ kind: DataFileError.Kind) -> DataFileError {
        DataFileError(
            kind, in: file, "expected \(totalBytes) bytes for the shape \(shape), found \(found)",
            suggestion: kind == .truncated
                ? "The file was cut off: fetch it again."
                : "The header is damaged or data was appended: fetch it again.")
    }
}
