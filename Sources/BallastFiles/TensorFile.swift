public import Foundation
public import Tensors

/// Tensors by name in a safetensors file, which other frameworks read and write too.
public enum TensorFile {
    /// Reads all tensors of a file; of types Float32 and Int32.
    ///
    /// - Parameter url: the file.
    /// - Returns: the tensors by name, which in Ballast's own files is their path.
    /// - Throws: ``DataFileError`` if the file cannot be read or is damaged, or holds a tensor of another type or of more
    ///   than eight dimensions, or two whose names Unicode considers equal.
    public static func read(_ url: URL) throws -> [String: Tensor] {
        try tensors(of: SafetensorsFile(contentsOf: url))
    }

    /// Writes tensors to a file, whole or not at all.
    ///
    /// - Parameters:
    ///   - tensors: the tensors with their names, no two of one name.
    ///   - url: the file; one that is there is replaced.
    /// - Throws: ``DataFileError`` if it cannot be written, or a name occurs twice; or two names are the same
    ///   to Unicode, or a name that is not ASCII has more than 512 bytes.
    public static func write(_ tensors: KeyValuePairs<String, Tensor>, to url: URL) throws {
        try checkKeys(tensors.map(\.key), url.path)
        try SafetensorsFile.write(tensors.map { source($0.key, $0.value) }, to: url)
    }

    package static func tensors(of file: SafetensorsFile) throws -> [String: Tensor] {
        try checkKeys(file.entries.map(\.name), file.path)
        var tensors: [String: Tensor] = [:]
        for entry in file.entries {
            guard entry.shape.count <= Shape.maximumRank, entry.shape.allSatisfy({ $0 <= Int(Int32.max) }) else {
                throw DataFileError(
                    .unsupported, in: file.path, at: "tensor \"\(entry.name.abbreviated)\"",
                    "its shape is \(entry.shape), beyond \(Shape.maximumRank) dimensions of at most \(Int32.max)",
                    suggestion: "Reshape it before writing.")
            }
            guard entry.type == .float32 || entry.type == .int32 else {
                throw DataFileError(
                    .unsupported, in: file.path, at: "tensor \"\(entry.name.abbreviated)\"",
                    "its type is \(entry.type.rawValue), and only F32 and I32 are read", suggestion: "Convert it.")
            }
            let tensor = Tensor(
                uninitialized: Shape(entry.shape), scalarType: entry.type == .float32 ? .float32 : .int32)
            let bytes = UnsafeMutableRawBufferPointer(start: tensor.storage.bytes, count: tensor.elementCount * 4)
            try file.read(entry.name, as: entry.type, into: bytes)
            tensors[entry.name] = tensor
        }
        return tensors
    }

    /// Checks that names can be the keys of a dictionary, which compares them as Unicode does: each its own, and none
    /// that takes long.
    ///
    /// Names of the same bytes are left to the file.
    private static func checkKeys(_ names: [String], _ file: String) throws {
        var known: [String: ExactText] = [:]
        for name in names {
            guard name.isCheapKey else {
                throw DataFileError(
                    .outOfRange, in: file, at: "tensor \"\(name.abbreviated)\"",
                    "its name has \(name.utf8.count) bytes; one that is not ASCII may have \(String.maximumKeyBytes)",
                    suggestion: "Shorten it.")
            }
            guard known.updateValue(ExactText(name), forKey: name).map({ $0 == ExactText(name) }) ?? true else {
                throw DataFileError(
                    .outOfRange, in: file, at: "tensor \"\(name)\"",
                    "another tensor has a name of other bytes that Unicode considers equal", suggestion: "Rename one.")
            }
        }
    }

    package static func source(_ name: String, _ tensor: Tensor) -> SafetensorsFile.Source {
        SafetensorsFile.Source(
            name, tensor.scalarType == .float32 ? .float32 : .int32, shape: tensor.shape.dimensions
        ) { body in
            try body(UnsafeRawBufferPointer(start: tensor.storage.bytes, count: tensor.elementCount * 4))
        }
    }
}
