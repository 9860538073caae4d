internal import BallastFiles

/// The start of an NPY file: element type, order and shape, and where the elements begin.
struct NPYHeader: Hashable {
    /// The longest start that is read, in bytes. NumPy itself reads 10,000 bytes of it by default.
    static let maximumBytes = 12 + 65536

    var encoding: ElementEncoding
    var isColumnMajor: Bool
    var shape: [Int]
    /// Where the elements begin.
    var contentStart: Int
    /// The size of the whole file.
    var totalBytes: Int

    /// Reads and checks the start of a file.
    ///
    /// - Parameters:
    ///   - bytes: The first bytes of the file, `maximumBytes` of them or all there are.
    ///   - fileBytes: The size of the whole file, which must be what the header announces.
    init(of bytes: UnsafeRawBufferPointer, fileBytes: Int, file: String) throws {
        guard bytes.starts(with: [0x93] + Array("NUMPY".utf8)) else {
            throw DataFileError(
                .malformed, in: file, at: "byte 0", "this is not an NPY file",
                suggestion: "Write it with numpy.save; the older numpy.ndarray.tofile keeps no shape.")
        }
        guard bytes.count >= 10, bytes[6] == 1 || bytes.count >= 12 else { throw Self.cut(file, bytes.count) }
        guard (1...3).contains(bytes[6]) else {
            throw DataFileError(
                .unsupported, in: file, at: "byte 6", "version \(bytes[6]).\(bytes[7]) of NPY is unknown",
                suggestion: "Versions 1, 2 and 3 are read: save with numpy.save.")
        }
        let start = bytes[6] == 1 ? 10 : 12
        let length = bytes[8..<start].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard start + length <= fileBytes else { throw Self.cut(file, fileBytes) }
        guard start + length <= min(Self.maximumBytes, bytes.count) else {
            throw DataFileError(
                .unsupported, in: file, at: "byte 8", "the header takes \(length) bytes, at most 65536 are read",
                suggestion: "The header is damaged: save the array again.")
        }
        self = try NPYHeader(parsing: Array(bytes[start..<(start + length)]), start: start + length, file: file)
        guard totalBytes == fileBytes else {
            throw DataFileError(
                totalBytes > fileBytes ? .truncated : .oversized, in: file, at: "byte \(contentStart)",
                "expected \(totalBytes - contentStart) bytes for the shape \(shape), found \(fileBytes - contentStart)",
                suggestion: "The file was cut off or data was appended: save the array again.")
        }
    }

    /// Parses the Python literal `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
    private init(parsing text: [UInt8], start: Int, file: String) throws {
        var scanner = LiteralScanner(text, file: file)
        var encoding: ElementEncoding?
        var isColumnMajor: Bool?
        var shape: [Int]?
        try scanner.cursor.expect("{")
        while !scanner.cursor.consume("}") {
            let key = try scanner.string()
            try scanner.cursor.expect(":")
            switch key {
            case "descr" where encoding == nil: encoding = try scanner.encoding()
            case "fortran_order" where isColumnMajor == nil: isColumnMajor = try scanner.boolean()
            case "shape" where shape == nil: shape = try scanner.shape()
            default: throw scanner.malformed("the key \"\(key.text.abbreviated)\" is unknown or comes twice")
            }
            if !scanner.cursor.consume(",") {
                try scanner.cursor.expect("}")
                break
            }
        }
        try scanner.cursor.expectEnd(of: "the dictionary")
        guard let encoding, let isColumnMajor, let shape else {
            throw scanner.malformed("the header lacks one of 'descr', 'fortran_order' and 'shape'")
        }
        guard let content = (shape + [encoding.width]).checkedProduct,
            case let (total, overflow) = content.addingReportingOverflow(start), !overflow
        else {
            throw DataFileError(
                .malformed, in: file, "the shape \(shape) is larger than any file",
                suggestion: "The header is damaged: save the array again.")
        }
        self.encoding = encoding
        self.isColumnMajor = isColumnMajor
        self.shape = shape
        contentStart = start
        totalBytes = total
    }

    /// The memory that the elements take in addition to the content of the file, in bytes.
    var elementMemory: Int {
        let decoded = encoding.memory(for: shape)
        guard isColumnMajor, shape.count > 1 else { return decoded }
        // The elements in the file's order and in row-major order are there at once.
        return decoded == 0 ? totalBytes - contentStart : [decoded, 2].checkedProduct ?? .max
    }

    /// The elements in row-major order, given the content of the whole file.
    func elements(of content: consuming [UInt8], file: String) throws -> StoredElements {
        let stored = try encoding.decode(content, from: contentStart, file: file)
        return isColumnMajor ? stored.rowMajor(shape: shape) : stored
    }

    private static func cut(_ file: String, _ found: Int) -> DataFileError {
        DataFileError(
            .truncated, in: file, "the file ends inside its header, after \(found) bytes",
            suggestion: "It was cut off: save the array again.")
    }
}

/// Reads the few Python literals that an NPY header consists of.
private struct LiteralScanner {
    var cursor: ByteCursor

    init(_ text: [UInt8], file: String) {
        cursor = ByteCursor(
            text, file: file, place: "header byte", suggestion: "Write the array again with numpy.save.")
    }

    func malformed(_ problem: String) -> DataFileError { cursor.malformed(problem) }

    mutating func string() throws -> ExactText {
        cursor.skipSpace()
        guard let quote = cursor.current, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
            throw malformed("expected a string")
        }
        _ = cursor.next()
        let content = cursor.take { $0 != quote }
        guard cursor.next() != nil else { throw malformed("a string has no end") }
        return ExactText(String(decoding: content, as: UTF8.self))
    }

    mutating func boolean() throws -> Bool {
        cursor.skipSpace()
        switch String(decoding: cursor.take { (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) }, as: UTF8.self)
        {
        case "True": return true
        case "False": return false
        default: throw malformed("expected True or False")
        }
    }

    mutating func shape() throws -> [Int] {
        try cursor.expect("(")
        var shape: [Int] = []
        while !cursor.consume(")") {
            shape.append(try integer())
            _ = cursor.consume("L")  // Python 2 wrote long integers so.
            if !cursor.consume(",") {
                try cursor.expect(")")
                break
            }
        }
        guard shape.count <= 64 else { throw malformed("\(shape.count) dimensions, at most 64 are possible") }
        return shape
    }

    private mutating func integer() throws -> Int {
        let digits = cursor.digits()
        guard let value = Int(digits) else {
            throw malformed(
                digits.isEmpty ? "expected a dimension" : "the dimension \(digits.abbreviated) is larger than any file")
        }
        return value
    }

    mutating func encoding() throws -> ElementEncoding {
        cursor.skipSpace()
        guard let first = cursor.current, first != UInt8(ascii: "[") else {
            throw unsupported("structured arrays", suggestion: "Save each field as a separate array.")
        }
        let description = try string().text
        let kinds: [UInt8: (kind: ElementEncoding.Kind, widths: [Int])] = [
            UInt8(ascii: "f"): (.float, [4, 8]), UInt8(ascii: "i"): (.signed, [1, 2, 4, 8]),
            UInt8(ascii: "u"): (.unsigned, [1, 2, 4, 8]), UInt8(ascii: "b"): (.boolean, [1]),
        ]
        let code = Array(description.utf8)
        guard code.count == 3, "<>|=".utf8.contains(code[0]), let kind = kinds[code[1]],
            case let width = Int(code[2]) - 0x30, kind.widths.contains(width)
        else {
            throw unsupported(
                "elements of type \"\(description.abbreviated)\"",
                suggestion: "Convert first, for example with array.astype('float32').")
        }
        return ElementEncoding(kind.kind, width: width, isBigEndian: code[0] == UInt8(ascii: ">"))
    }

    private func unsupported(_ what: String, suggestion: String) -> DataFileError {
        cursor.error(.unsupported, "\(what) are not read", suggestion: suggestion)
    }
}
