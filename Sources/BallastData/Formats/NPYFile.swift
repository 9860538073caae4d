internal import Tensors
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
    /// - Throws: `DataFileError` if the file cannot be read, is not NPY, is shorter or longer than its header
    ///   says, or holds a value that fits neither `Int32` nor `Float` (which names the value and its index).
    public init(contentsOf url: URL) throws {
        try self.init(bytes: ReadableFile.contents(of: url), file: url.path)
    }

    package init(bytes: [UInt8], file: String) throws {
        let header = try bytes.withUnsafeBytes { try NPYHeader(of: $0, fileBytes: bytes.count, file: file) }
        shape = header.shape
        elements = try header.elements(of: bytes, file: file)
    }

    /// The array of a compressed file: its header is checked against the limit before the content is taken.
    init(
        header: NPYHeader, within limit: MemoryLimit, file: String, content: () throws -> [UInt8]
    ) throws {
        try limit.check(content: header.totalBytes, elements: header.elementMemory, file: file)
        shape = header.shape
        elements = try header.elements(of: content(), file: file)
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
}
