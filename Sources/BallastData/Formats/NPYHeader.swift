public import BallastFiles

/// The dictionary at the start of an NPY file: element type, order and shape.
struct NPYHeader: Hashable {
    var encoding: ElementEncoding
    var isColumnMajor: Bool
    var shape: [Int]

    /// Parses the Python literal `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
    init(parsing text: [UInt8], file: String) throws {
        var scanner = LiteralScanner(text: text, file: file)
        var encoding: ElementEncoding?
        var isColumnMajor: Bool?
        var shape: [Int]?
        try scanner.expect("{")
        while !scanner.consume("}") {
            let key = try scanner.string()
            try scanner.expect(":")
            switch key {
            case "descr" where encoding == nil: encoding = try scanner.encoding()
            case "fortran_order" where isColumnMajor == nil: isColumnMajor = try scanner.boolean()
            case "shape" where shape == nil: shape = try scanner.shape()
            default: throw scanner.malformed("the key \"\(key)\" is unknown or comes twice")
            }
            if !scanner.consume(",") {
                try scanner.expect("}")
                break
            }
        }
        try scanner.expectEnd()
        guard let encoding, let isColumnMajor, let shape else {
            throw scanner.malformed("the header lacks one of 'descr', 'fortran_order' and 'shape'")
        }
        self.encoding = encoding
        self.isColumnMajor = isColumnMajor
        self.shape = shape
    }
}

/// Reads the few Python literals that an NPY header consists of.
private struct LiteralScanner {
    let text: [UInt8]
    let file: String
    private var position = 0

    init(text: [UInt8], file: String) {
        self.text = text
        self.file = file
    }

    func malformed(_ problem: String) -> DataFileError {
        DataFileError(
            .malformed, in: file, at: "header byte \(position)", problem,
            cure: "Write the array again with numpy.save.")
    }

    private mutating func skipSpace() {
        while position < text.count, [0x20, 0x0A, 0x09, 0x0D].contains(text[position]) { position += 1 }
    }

    mutating func consume(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard position < text.count, UInt32(text[position]) == character.value else { return false }
        position += 1
        return true
    }

    mutating func expect(_ character: Unicode.Scalar) throws {
        guard consume(character) else { throw malformed("expected \"\(character)\"") }
    }

    mutating func expectEnd() throws {
        skipSpace()
        guard position == text.count else { throw malformed("something follows the dictionary") }
    }

    mutating func string() throws -> String {
        skipSpace()
        guard position < text.count, text[position] == UInt8(ascii: "'") || text[position] == UInt8(ascii: "\"") else {
            throw malformed("expected a string")
        }
        let start = position + 1
        guard let end = text[start...].firstIndex(of: text[position]) else { throw malformed("a string has no end") }
        position = end + 1
        return String(decoding: text[start..<end], as: UTF8.self)
    }

    private mutating func word() -> String {
        skipSpace()
        let start = position
        while position < text.count, Character(Unicode.Scalar(text[position])).isLetter { position += 1 }
        return String(decoding: text[start..<position], as: UTF8.self)
    }

    mutating func boolean() throws -> Bool {
        switch word() {
        case "True": return true
        case "False": return false
        default: throw malformed("expected True or False")
        }
    }

    mutating func shape() throws -> [Int] {
        try expect("(")
        var shape: [Int] = []
        while !consume(")") {
            shape.append(try integer())
            _ = consume("L")  // Python 2 wrote long integers so.
            if !consume(",") {
                try expect(")")
                break
            }
        }
        guard shape.count <= 64 else { throw malformed("\(shape.count) dimensions, at most 64 are possible") }
        return shape
    }

    private mutating func integer() throws -> Int {
        skipSpace()
        let start = position
        while position < text.count, (0x30...0x39).contains(text[position]) { position += 1 }
        let digits = String(decoding: text[start..<position], as: UTF8.self)
        guard let value = Int(digits) else {
            throw malformed(digits.isEmpty ? "expected a dimension" : "the dimension \(digits) is larger than any file")
        }
        return value
    }

    mutating func encoding() throws -> ElementEncoding {
        skipSpace()
        guard position < text.count, text[position] != UInt8(ascii: "[") else {
            throw unsupported("structured arrays", cure: "Save each field as an array of its own.")
        }
        let description = try string()
        let kinds: [Character: (kind: ElementEncoding.Kind, widths: [Int])] = [
            "f": (.float, [4, 8]), "i": (.signed, [1, 2, 4, 8]), "u": (.unsigned, [1, 2, 4, 8]), "b": (.boolean, [1]),
        ]
        guard let order = description.first, "<>|=".contains(order),
            let kind = description.dropFirst().first.flatMap({ kinds[$0] }),
            let width = Int(description.dropFirst(2)), kind.widths.contains(width)
        else {
            throw unsupported(
                "elements of type \"\(description)\"", cure: "Convert first, for example with array.astype('float32').")
        }
        return ElementEncoding(kind.kind, width: width, isBigEndian: order == ">")
    }

    private func unsupported(_ what: String, cure: String) -> DataFileError {
        DataFileError(.unsupported, in: file, at: "header byte \(position)", "\(what) are not read", cure: cure)
    }
}
