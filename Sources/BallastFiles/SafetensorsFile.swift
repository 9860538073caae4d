public import Foundation

/// Named tensors in a safetensors file: the format of Ballast's checkpoints, read by Python, Rust and JavaScript too.
///
/// Opening reads and checks the header only; the bytes of a tensor are read on request, straight into the
/// caller's memory where `read(_:as:into:)` is used. The header is checked in full: its size against the file's, its
/// JSON, duplicate names, each tensor's size against its shape and type, and that the tensors cover the file without
/// gaps or overlaps.
///
/// Files that Ballast writes carry checksums (the metadata entry `ballast.checksums`, which other readers ignore): that
/// of the header is verified when the file is opened, that of a tensor whenever its bytes are read. Files without
/// checksums are read too; see `isChecked`.
///
/// - Source: https://huggingface.co/docs/safetensors
public struct SafetensorsFile: Sendable {
    /// One tensor: its name, type and shape.
    public struct Entry: Sendable, Hashable {
        /// The name of the tensor, unique in the file.
        public let name: String
        /// The type of the elements.
        public let type: ElementType
        /// The size of each dimension; empty for a single number.
        public let shape: [Int]
        /// Where the bytes are, counted from the end of the header.
        package let range: Range<Int>

        /// The size of the tensor in bytes.
        public var byteCount: Int { range.count }
    }

    /// The tensors, in the order of the header.
    public let entries: [Entry]
    /// The string map that accompanies the tensors, without the entry that holds the checksums.
    public let metadata: [String: String]
    /// Whether the file carries checksums, so that damage to any of its bytes is found.
    public var isChecked: Bool { checksums != nil }

    private let file: ReadableFile
    /// The path of the file.
    package var path: String { file.path }
    /// Where the bytes of the tensors start in the file.
    private let start: Int
    private let positions: [ExactText: Int]
    /// The checksum of each tensor, in the order of `entries`.
    private let checksums: [UInt32]?

    /// Opens a file and checks its header.
    ///
    /// - Throws: `DataFileError` if the file cannot be read, is cut off, breaks the format, or has a header that
    ///   disagrees with its checksum.
    public init(contentsOf url: URL) throws {
        file = try ReadableFile(url)
        guard file.size >= 8 else {
            throw DataFileError(
                .truncated, in: file.path, "a safetensors file has 8 bytes at least, this one \(file.size)",
                suggestion: "The file was cut off: use its previous version or write it again.")
        }
        let length = try file.bytes(at: 0, count: 8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= SafetensorsHeader.maximumBytes else {
            throw DataFileError(
                .malformed, in: file.path, at: "byte 0",
                "the header is said to take \(length) bytes, the format allows \(SafetensorsHeader.maximumBytes)",
                suggestion: "This is not a safetensors file, or it is damaged.")
        }
        guard Int(length) <= file.size - 8 else {
            throw DataFileError(
                .truncated, in: file.path, "the header takes \(length) bytes, the file has \(file.size - 8) for it",
                suggestion: "The file was cut off: use its previous version or write it again.")
        }
        start = 8 + Int(length)
        let header = try SafetensorsHeader(
            parsing: file.bytes(at: 8, count: Int(length)), dataBytes: file.size - start, file: file.path)
        entries = header.entries
        metadata = header.metadata
        checksums = header.checksums?.tensors
        positions = Dictionary(
            uniqueKeysWithValues: entries.enumerated().map { (ExactText($0.element.name), $0.offset) })
    }

    /// The tensor with a name, or nil. Names are compared byte by byte, not as Unicode.
    public func entry(named name: String) -> Entry? { positions[ExactText(name)].map { entries[$0] } }

    /// Reads a tensor into memory that the caller owns: little-endian, row-major.
    ///
    /// - Parameters:
    ///   - name: The name of the tensor.
    ///   - type: The type the caller expects.
    ///   - buffer: Room for exactly the tensor's bytes.
    /// - Throws: `DataFileError` if there is no such tensor, its type differs (the message names it), its size
    ///   is not that of `buffer`, the file cannot be read, or the bytes disagree with their checksum.
    public func read(_ name: String, as type: ElementType, into buffer: UnsafeMutableRawBufferPointer) throws {
        let entry = try found(name)
        guard entry.type == type else { throw unexpected(entry, type.rawValue) }
        guard buffer.count == entry.byteCount else {
            throw DataFileError(
                .outOfRange, in: file.path, at: "tensor \"\(name.abbreviated)\"",
                "its shape \(entry.shape) takes \(entry.byteCount) bytes, \(buffer.count) are expected",
                suggestion: "The file belongs to a model of other sizes: load it into the model that wrote it.")
        }
        try file.read(at: start + entry.range.lowerBound, into: buffer)
        try verify(entry, UnsafeRawBufferPointer(buffer))
    }

    /// The raw bytes of a tensor of any type: little-endian, row-major.
    ///
    /// - Throws: `DataFileError` if there is no such tensor, the file cannot be read, or the bytes disagree with
    ///   their checksum.
    public func bytes(of name: String) throws -> [UInt8] {
        let entry = try found(name)
        let bytes = try file.bytes(at: start + entry.range.lowerBound, count: entry.byteCount)
        try bytes.withUnsafeBytes { try verify(entry, $0) }
        return bytes
    }

    /// The elements of a tensor of type `F32`.
    ///
    /// - Throws: as `read(_:as:into:)`.
    public func floats(of name: String) throws -> [Float] {
        let entry = try found(name)
        guard entry.type == .float32 else { throw unexpected(entry, "F32") }
        return try [Float](unsafeUninitializedCapacity: entry.byteCount / 4) { buffer, initialized in
            let count = entry.byteCount / 4
            try read(
                name, as: .float32,
                into: UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[..<count])))
            initialized = count
        }
    }

    /// The elements of a tensor of type `I32`, or `I64` where every value fits `Int32`.
    ///
    /// - Throws: as `read(_:as:into:)`; a 64-bit value beyond `Int32` is named with its index.
    public func integers(of name: String) throws -> [Int32] {
        let entry = try found(name)
        guard entry.type == .int32 || entry.type == .int64 else { throw unexpected(entry, "I32 or I64") }
        let encoding = ElementEncoding(.signed, width: entry.type == .int32 ? 4 : 8, isBigEndian: false)
        let bytes = try self.bytes(of: name)
        let elements = try bytes.withUnsafeBytes { try encoding.decode($0, file: "\(file.path), tensor \"\(name)\"") }
        guard case .integers(let integers) = elements else { return [] }
        return integers
    }

    /// Compares the bytes of a tensor with its checksum, if there is one.
    private func verify(_ entry: Entry, _ bytes: UnsafeRawBufferPointer) throws {
        guard let checksums, let position = positions[ExactText(entry.name)] else { return }
        let found = Gzip.checksum(bytes)
        guard found == checksums[position] else {
            throw DataFileError(
                .checksum, in: file.path, at: "tensor \"\(entry.name.abbreviated)\"",
                "the checksum of its bytes is \(SafetensorsChecksums.hexadecimal(found)), the header says \(SafetensorsChecksums.hexadecimal(checksums[position]))",
                suggestion: "The file is damaged: use a previous version of it.")
        }
    }

    private func found(_ name: String) throws -> Entry {
        if let entry = entry(named: name) { return entry }
        let names = entries.prefix(20).map(\.name.abbreviated).joined(separator: ", ")
        throw DataFileError(
            .malformed, in: file.path, "there is no tensor \"\(name.abbreviated)\"",
            suggestion: "The file has \(entries.count) tensors: \(names)\(entries.count > 20 ? ", ..." : "").")
    }

    private func unexpected(_ entry: Entry, _ expected: String) -> DataFileError {
        DataFileError(
            .unsupported, in: file.path, at: "tensor \"\(entry.name.abbreviated)\"",
            "its elements are \(entry.type.rawValue), expected \(expected)",
            suggestion: "Convert the tensor to \(expected) and write the file again.")
    }
}

extension SafetensorsFile {
    /// The types of elements that the format knows.
    public enum ElementType: String, Sendable, Hashable, CaseIterable {
        /// One byte, 0 or 1.
        case boolean = "BOOL"
        /// Unsigned, 8 bits.
        case uint8 = "U8"
        /// Signed, 8 bits.
        case int8 = "I8"
        /// Floating point, 8 bits: 5 of exponent, 2 of fraction.
        case float8e5m2 = "F8_E5M2"
        /// Floating point, 8 bits: 4 of exponent, 3 of fraction.
        case float8e4m3 = "F8_E4M3"
        /// Signed, 16 bits.
        case int16 = "I16"
        /// Unsigned, 16 bits.
        case uint16 = "U16"
        /// IEEE 754, 16 bits.
        case float16 = "F16"
        /// The upper half of a 32-bit floating-point number.
        case bfloat16 = "BF16"
        /// Signed, 32 bits.
        case int32 = "I32"
        /// Unsigned, 32 bits.
        case uint32 = "U32"
        /// IEEE 754, 32 bits.
        case float32 = "F32"
        /// IEEE 754, 64 bits.
        case float64 = "F64"
        /// Signed, 64 bits.
        case int64 = "I64"
        /// Unsigned, 64 bits.
        case uint64 = "U64"

        /// The size of one element, in bytes.
        public var width: Int {
            switch self {
            case .boolean, .uint8, .int8, .float8e5m2, .float8e4m3: 1
            case .int16, .uint16, .float16, .bfloat16: 2
            case .int32, .uint32, .float32: 4
            case .float64, .int64, .uint64: 8
            }
        }
    }
}
