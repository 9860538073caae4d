import Foundation

/// What libFuzzer calls with each input: the reader of the format that `BALLAST_FUZZ_FORMAT` names.
///
/// A reader gives values that agree with each other, or throws `DataFileError`; everything else stops the program.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    do {
        try reader(bytes)
    } catch is DataFileError {
        return 0
    } catch {
        fatalError("another error than DataFileError: \(error)")
    }
    return 0
}

private let reader: @Sendable ([UInt8]) throws -> Void = {
    let format = ProcessInfo.processInfo.environment["BALLAST_FUZZ_FORMAT"] ?? ""
    switch format {
    case "safetensors": return { try readSafetensors($0) }
    case "idx": return { try readIDX($0) }
    case "idx.gz": return { try readCompressedIDX($0) }
    case "npy": return { try readNPY($0) }
    case "npz": return { try readNPZ($0) }
    case "csv": return { try readCSV($0) }
    default: fatalError("BALLAST_FUZZ_FORMAT is \"\(format)\", which is no format that is read")
    }
}()

/// The file that formats without a reader of bytes are read from.
private let scratch = FileManager.default.temporaryDirectory.appending(
    path: "ballast-fuzzing-\(ProcessInfo.processInfo.processIdentifier)")

private func readSafetensors(_ bytes: [UInt8]) throws {
    try Data(bytes).write(to: scratch)
    defer { try? FileManager.default.removeItem(at: scratch) }
    let file = try SafetensorsFile(contentsOf: scratch)
    let contents = try file.entries.map { entry in
        let content = try file.bytes(of: entry.name)
        require(content.count == entry.byteCount, "a tensor of another size")
        return content
    }
    // What is read can be written, and reads the same.
    let sources = zip(file.entries, contents).map { entry, content in
        SafetensorsFile.Source(entry.name, entry.type, shape: entry.shape) { body in
            try content.withUnsafeBytes { try body($0) }
        }
    }
    try SafetensorsFile.write(sources, metadata: file.metadata, to: scratch)
    let copy = try SafetensorsFile(contentsOf: scratch)
    require(copy.isChecked && copy.metadata == file.metadata, "other metadata after writing")
    for (entry, content) in zip(file.entries, contents) {
        let isSame = try copy.entry(named: entry.name)?.shape == entry.shape && copy.bytes(of: entry.name) == content
        require(isSame, "another tensor after writing")
    }
}

private func readIDX(_ bytes: [UInt8]) throws {
    let file = try IDXFile(bytes: bytes, file: "f")
    require(file.shape.checkedProduct == file.elements.count, "the shape and the elements disagree")
}

/// Bytes that are no gzip file become one, so that the content is varied too, which a checksum would prevent.
private func readCompressedIDX(_ bytes: [UInt8]) throws {
    guard !Gzip.isCompressed(bytes), bytes.count < 65536 else { return try readIDX(bytes) }
    func littleEndian(_ value: UInt32, _ width: Int) -> [UInt8] {
        (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
    }
    let count = UInt32(bytes.count)
    let block = [1] + littleEndian(count, 2) + littleEndian(~count, 2) + bytes
    let checksum = bytes.withUnsafeBytes { Gzip.checksum($0) }
    try readIDX([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255] + block + littleEndian(checksum, 4) + littleEndian(count, 4))
}

private func readNPY(_ bytes: [UInt8]) throws {
    let file = try NPYFile(bytes: bytes, file: "f")
    require(file.shape.checkedProduct == file.elements.count, "the shape and the elements disagree")
    let copy = try NPYFile(bytes: file.encoded, file: "f")
    require(copy.shape == file.shape && copy.encoded == file.encoded, "another array after writing")
}

private func readNPZ(_ bytes: [UInt8]) throws {
    let file = try NPZFile(bytes: bytes, file: "f")
    for name in file.names {
        do {
            let array = try file.array(named: name)
            require(array.shape.checkedProduct == array.elements.count, "the shape and the elements disagree")
        } catch is DataFileError {}
    }
}

/// The first byte says how the rest is read.
private func readCSV(_ bytes: [UInt8]) throws {
    guard let options = bytes.first else { return }
    let file = try CSVFile(
        bytes: Array(bytes.dropFirst()), file: "f", hasHeader: options & 1 == 0,
        delimiter: options & 2 == 0 ? "," : ";",
        label: options & 4 == 0 ? nil : .at(-1), allowsNonFinite: options & 8 != 0)
    require(file.values.count == file.rowCount * file.columns.count, "values are missing")
    if let labels = file.labels {
        require(labels.count == file.rowCount, "labels are missing")
        require(labels.allSatisfy { file.classes.indices.contains(Int($0)) }, "a label is of no class")
    }
}

/// Stops the program where a condition does not hold; the readers use the function of this name that `Tensors` has.
func require(_ condition: Bool, _ message: @autoclosure () -> String) {
    guard condition else { fatalError(message()) }
}
