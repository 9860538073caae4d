public import Foundation

extension SafetensorsFile {
    /// A tensor to write: what it is, and a way to its bytes.
    public struct Source {
        /// The name of the tensor, unique in the file.
        public let name: String
        /// The type of the elements.
        public let type: ElementType
        /// The size of each dimension; empty for a single number.
        public let shape: [Int]
        /// Hands the bytes of the tensor, little-endian and row-major, to the function it is given.
        ///
        /// - Throws: what the function throws, or what getting the bytes does; nothing is written then.
        public let withBytes: (_ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Void

        /// Creates a tensor whose bytes are borrowed while the file is written, so that nothing is copied.
        ///
        /// - Parameters:
        ///   - name: The name, unique in the file; not "__metadata__".
        ///   - type: The type of the elements.
        ///   - shape: The size of each dimension.
        ///   - withBytes: Calls its argument once, with exactly as many bytes as shape and type require.
        public init(
            _ name: String, _ type: ElementType, shape: [Int],
            withBytes: @escaping (_ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
        ) {
            self.name = name
            self.type = type
            self.shape = shape
            self.withBytes = withBytes
        }

        /// Creates a tensor of type `F32`.
        ///
        /// - Parameters:
        ///   - name: The name, unique in the file; not "__metadata__".
        ///   - shape: The size of each dimension.
        ///   - elements: The elements in row-major order, as many as the shape requires.
        public init(_ name: String, shape: [Int], _ elements: [Float]) {
            self.init(name, .float32, shape: shape) { body in try elements.withUnsafeBytes(body) }
        }

        /// Creates a tensor of type `I32`.
        ///
        /// - Parameters:
        ///   - name: The name, unique in the file; not "__metadata__".
        ///   - shape: The size of each dimension.
        ///   - elements: The elements in row-major order, as many as the shape requires.
        public init(_ name: String, shape: [Int], _ elements: [Int32]) {
            self.init(name, .int32, shape: shape) { body in try elements.withUnsafeBytes(body) }
        }

        /// Creates a tensor of type `U8`.
        ///
        /// - Parameters:
        ///   - name: The name, unique in the file; not "__metadata__".
        ///   - shape: The size of each dimension.
        ///   - elements: The elements in row-major order, as many as the shape requires.
        public init(_ name: String, shape: [Int], _ elements: [UInt8]) {
            self.init(name, .uint8, shape: shape) { body in try elements.withUnsafeBytes(body) }
        }
    }

    /// Writes a file, whole or not at all.
    ///
    /// The content goes to a temporary file in the same folder, is synced to the disk, and is renamed over `url`: at
    /// any moment, a crash or a power cut leaves either the old file or the new one. The header lists the tensors in
    /// the order given; their data is laid out with the widest elements first, so that all are aligned. Checksums are
    /// computed on the way and kept in the metadata, as `ballast.checksums`. The same tensors and metadata give the
    /// same bytes.
    ///
    /// - Parameters:
    ///   - tensors: The tensors.
    ///   - metadata: Strings that accompany them.
    ///   - url: The file to write or replace.
    ///   - keepsPrevious: Whether the file that is replaced stays, as `<name>.previous`.
    /// - Throws: `DataFileError` that names the file, the reason of the system (such as "No space left on device")
    ///   and the suggestion, with the file that was there before untouched; also for two tensors of one name, and for bytes
    ///   that disagree with shape and type.
    public static func write(
        _ tensors: [Source], metadata: [String: String] = [:], to url: URL, keepsPrevious: Bool = false
    ) throws {
        let layout = try layout(tensors, path: url.path)
        try check(metadata, path: url.path)
        var header = SafetensorsHeader(
            entries: layout.entries, metadata: metadata,
            checksums: SafetensorsChecksums(tensors: [UInt32](repeating: 0, count: tensors.count)))
        let draft = header.encoded
        guard draft.count - 8 <= SafetensorsHeader.maximumBytes else {
            throw DataFileError(
                .outOfRange, in: url.path,
                "names and metadata take \(draft.count) bytes, the format allows \(SafetensorsHeader.maximumBytes)",
                suggestion: "Store large values as tensors, not as metadata.")
        }
        try AtomicFile.write(to: url, keepsPrevious: keepsPrevious) { file in
            // The header comes first in the file, but its checksums are known last; they do not change its size.
            try file.write(draft)
            for index in layout.order {
                let entry = layout.entries[index]
                var written: Int?
                var checksum: UInt32 = 0
                try tensors[index].withBytes { bytes in
                    written = (written ?? 0) + bytes.count
                    guard written == entry.byteCount else { return }
                    checksum = try file.writeWithChecksum(bytes)
                }
                guard written == entry.byteCount else {
                    throw DataFileError(
                        .outOfRange, in: url.path, at: "tensor \"\(entry.name.abbreviated)\"",
                        "the shape \(entry.shape) of \(entry.type.rawValue) takes \(entry.byteCount) bytes, \(written ?? 0) were given",
                        suggestion: "Give as many elements as the shape says.")
                }
                header.checksums?.tensors[index] = checksum
            }
            try file.rewrite(header.encoded, at: 0)
        }
    }

    /// Refuses metadata that no reader would return as it was given.
    private static func check(_ metadata: [String: String], path: String) throws {
        for (key, value) in metadata {
            guard !SafetensorsChecksums.isEntry(key, value), key.isCheapKey else {
                throw DataFileError(
                    .outOfRange, in: path,
                    "the metadata entry \"\(key.abbreviated)\" is reserved or has a name beyond \(String.maximumKeyBytes) bytes",
                    suggestion: "Leave out the checksums of another file; they are computed again.")
            }
        }
    }

    /// The entries in the order given, with their places in the data, and the order in which the data is written.
    private static func layout(_ tensors: [Source], path: String) throws -> (entries: [Entry], order: [Int]) {
        var names: Set<ExactText> = ["__metadata__"]
        var sizes: [Int] = []
        for tensor in tensors {
            guard names.insert(ExactText(tensor.name)).inserted else {
                throw DataFileError(
                    .malformed, in: path,
                    "two tensors are named \"\(tensor.name.abbreviated)\", or the name is reserved",
                    suggestion: "Give every tensor a different name.")
            }
            guard let size = (tensor.shape + [tensor.type.width]).checkedProduct else {
                throw DataFileError(
                    .outOfRange, in: path, at: "tensor \"\(tensor.name.abbreviated)\"",
                    "the shape \(tensor.shape) is negative or larger than any file", suggestion: "Correct the shape.")
            }
            sizes.append(size)
        }
        let order = tensors.indices.sorted { (-tensors[$0].type.width, $0) < (-tensors[$1].type.width, $1) }
        var ranges = [Range<Int>](repeating: 0..<0, count: tensors.count)
        var end = 0
        for index in order {
            let (next, overflow) = end.addingReportingOverflow(sizes[index])
            guard !overflow else {
                throw DataFileError(
                    .outOfRange, in: path, "the tensors are larger than any file", suggestion: "Correct the shapes.")
            }
            ranges[index] = end..<next
            end = next
        }
        let entries = zip(tensors, ranges).map { Entry(name: $0.name, type: $0.type, shape: $0.shape, range: $1) }
        return (entries, order)
    }
}
