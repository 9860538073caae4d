/// Reads the part of JSON that a safetensors header consists of: objects, strings and arrays of whole numbers.
///
/// Unlike a general parser it shows duplicate keys to the caller, keeps the order, and cannot be made to recurse.
struct JSONScanner {
    private var cursor: ByteCursor
    /// The range of the content of the string that was read last, without its quotes.
    private(set) var stringRange = 0..<0

    init(_ bytes: [UInt8], file: String) {
        cursor = ByteCursor(
            bytes, file: file, place: "byte", origin: 8,
            suggestion: "The header is damaged, or this is not a safetensors file: use a previous version of the file.")
    }

    func malformed(_ problem: String) -> DataFileError { cursor.malformed(problem) }

    /// Reads an object; `member` is called with each key and reads its value.
    mutating func object(_ member: (inout JSONScanner, ExactText) throws -> Void) throws {
        try cursor.expect("{")
        if cursor.consume("}") { return }
        repeat {
            let key = try string()
            try cursor.expect(":")
            try member(&self, ExactText(key))
        } while cursor.consume(",")
        try cursor.expect("}")
    }

    /// Reads an array of whole numbers from 0 on.
    mutating func integers() throws -> [Int] {
        try cursor.expect("[")
        if cursor.consume("]") { return [] }
        var integers: [Int] = []
        repeat { integers.append(try integer()) } while cursor.consume(",")
        try cursor.expect("]")
        return integers
    }

    /// Reads a string, escapes resolved.
    mutating func string() throws -> String {
        try cursor.expect("\"")
        let start = cursor.position
        var content: [UInt8] = []
        while let byte = cursor.next() {
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: content, as: UTF8.self) else {
                    throw malformed("a string is not UTF-8")
                }
                stringRange = start..<(cursor.position - 1)
                return text
            case UInt8(ascii: "\\"): try unescape(into: &content)
            case ..<0x20: throw malformed("a string contains a control character")
            default: content.append(byte)
            }
        }
        throw malformed("a string has no end")
    }

    /// Checks that only spaces are left.
    mutating func expectEnd() throws { try cursor.expectEnd(of: "the header's object") }

    private mutating func integer() throws -> Int {
        let digits = cursor.digits()
        guard !digits.isEmpty, digits.utf8.count == 1 || digits.utf8.first != 0x30 else {
            throw malformed("expected a whole number, not negative")
        }
        guard let value = Int(digits) else { throw malformed("the number \(digits.abbreviated) is too large") }
        return value
    }

    private mutating func unescape(into content: inout [UInt8]) throws {
        guard let byte = cursor.next() else { throw malformed("a string has no end") }
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"): content += UTF8.encode(try scalar()) ?? .init()
        default: throw malformed("a string holds an unknown escape")
        }
    }

    /// The character of `\uXXXX`, or of two of them that form a surrogate pair.
    private mutating func scalar() throws -> Unicode.Scalar {
        var value = try codeUnit()
        if (0xD800..<0xDC00).contains(value) {
            guard cursor.next() == 0x5C, cursor.next() == 0x75, case let low = try codeUnit(),
                (0xDC00..<0xE000).contains(low)
            else { throw malformed("a surrogate pair lacks its second half") }
            value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(value) else { throw malformed("half of a surrogate pair is missing") }
        return scalar
    }

    private mutating func codeUnit() throws -> UInt32 {
        guard let digits = cursor.take(4) else { throw malformed("a string has no end") }
        var value: UInt32 = 0
        for byte in digits {
            guard byte < 0x80, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw malformed("an escape needs four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
        }
        return value
    }
}
