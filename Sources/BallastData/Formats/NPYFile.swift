public import Tensors
public import BallastFiles
public import Foundation

/// An array in NumPy's NPY format.
///
/// Reads versions 1, 2 and 3 of the format, either byte order, row-major and column-major ("Fortran") order, and the
/// types `f4 f8 i1 i2 i4 i8 u1 u2 u4 u8` and `b1`. Whatever the file's order, `elements` is row-major.
///
/// - Source: NumPy enhancement proposal 1 and `numpy.lib.format`.
public struct NPYFile: Sendable, Hashable {
    /// The size of each dimension; empty for a single number.
    public let shape: [Int]
    /// The elements in row-major order.
    public let elements: StoredElements

    /// Creates the content of a file to write.
    ///
    /// - Parameters:
    ///   - shape: the size of each dimension.
    ///   - elements: the elements in row-major order.
    /// - Precondition: `elements.count` is the product of `shape`.
    public init(shape: [Int], elements: StoredElements) {
        require(
            shape.checkedProduct == elements.count,
            "an array of shape \(shape) cannot hold \(elements.count) elements")
        self.shape = shape
        self.elements = elements
    }

    /// Reads a file.
    ///
    /// - Throws: `DataFileError` where the file cannot be read, is not NPY, is shorter or longer than its header
    ///   says, or holds a value that fits neither `Int32` nor `Float` (which names the value and its index).
    public init(contentsOf url: URL) throws {
        try self.init(bytes: ReadableFile.contents(of: url), file: url.path)
    }

    package init(bytes: [UInt8], file: String) throws {
        let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
        guard bytes.starts(with: magic) else {
            throw DataFileError(
                .malformed, in: file, at: "byte 0", "this is not an NPY file",
                cure: "Write it with numpy.save; the older numpy.ndarray.tofile keeps no shape.")
        }
        guard bytes.count >= 10, bytes[6] == 1 || bytes.count >= 12 else { throw Self.cut(file, "header", bytes.count) }
        guard (1...3).contains(bytes[6]) else {
            throw DataFileError(
                .unsupported, in: file, at: "byte 6", "version \(bytes[6]).\(bytes[7]) of NPY is unknown",
                cure: "Versions 1, 2 and 3 are read: save with numpy.save.")
        }
        let start = bytes[6] == 1 ? 10 : 12
        let headerBytes = bytes[8..<start].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard headerBytes <= bytes.count - start else { throw Self.cut(file, "header", bytes.count) }
        let end = start + headerBytes
        let header = try NPYHeader(parsing: Array(bytes[start..<end]), file: file)
        guard let content = (header.shape + [header.encoding.width]).checkedProduct else {
            throw DataFileError(
                .malformed, in: file, "the shape \(header.shape) is larger than any file",
                cure: "The header is damaged: save the array again.")
        }
        guard content == bytes.count - end else {
            throw DataFileError(
                content > bytes.count - end ? .truncated : .oversized, in: file, at: "byte \(end)",
                "expected \(content) bytes for the shape \(header.shape), found \(bytes.count - end)",
                cure: "The file was cut off or data was appended: save the array again.")
        }
        let stored = try bytes.withUnsafeBytes { bytes in
            try header.encoding.decode(UnsafeRawBufferPointer(rebasing: bytes[end...]), file: file)
        }
        shape = header.shape
        elements = header.isColumnMajor && shape.count > 1 ? stored.gathered(Self.rowMajorOrder(shape)) : stored
    }

    /// Writes the file, whole or not at all: version 1, little-endian, row-major.
    ///
    /// - Throws: `DataFileError` with the reason of the system, such as a full disk; an existing file is untouched then.
    public func write(to url: URL) throws {
        try AtomicFile.write(to: url) { file in try file.write(encoded) }
    }

    /// The bytes of the file, as `numpy.save` lays them out.
    package var encoded: [UInt8] {
        let (type, content): (String, [UInt8]) =
            switch elements {
            case .bytes(let elements): ("|u1", elements)
            case .floats(let elements): ("<f4", elements.withUnsafeBytes { Array($0) })
            case .integers(let elements): ("<i4", elements.withUnsafeBytes { Array($0) })
            }
        let list = shape.map(String.init).joined(separator: ", ")
        let tuple = shape.count == 1 ? "(\(list),)" : "(\(list))"
        var header = Array("{'descr': '\(type)', 'fortran_order': False, 'shape': \(tuple), }".utf8)
        // The data starts at a multiple of 64 bytes, after a newline.
        let version: UInt8 = header.count + 64 < 65536 ? 1 : 2
        let start = version == 1 ? 10 : 12
        header += [UInt8](repeating: 0x20, count: 63 - (start + header.count) % 64) + [0x0A]
        let length = (0..<(start - 8)).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
        return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + header + content
    }

    /// For each element in row-major order, its position in column-major order.
    private static func rowMajorOrder(_ shape: [Int]) -> [Int] {
        let count = shape.reduce(1, *)
        guard count > 0 else { return [] }
        var strides = [Int](repeating: 1, count: shape.count)
        for dimension in 1..<shape.count { strides[dimension] = strides[dimension - 1] * shape[dimension - 1] }
        var index = [Int](repeating: 0, count: shape.count)
        var position = 0
        var order: [Int] = []
        order.reserveCapacity(count)
        while true {
            order.append(position)
            var dimension = shape.count - 1
            while dimension >= 0, index[dimension] == shape[dimension] - 1 {
                position -= index[dimension] * strides[dimension]
                index[dimension] = 0
                dimension -= 1
            }
            guard dimension >= 0 else { return order }
            index[dimension] += 1
            position += strides[dimension]
        }
    }

    private static func cut(_ file: String, _ what: String, _ found: Int) -> DataFileError {
        DataFileError(
            .truncated, in: file, "the file ends inside its \(what), after \(found) bytes",
            cure: "It was cut off: save the array again.")
    }
}
