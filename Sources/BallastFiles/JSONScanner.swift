/// Reads the part of JSON that a safetensors header consists of: objects, strings and arrays of whole numbers.
///
/// Unlike a general parser it shows duplicate keys to the caller, keeps the order, and cannot be made to recurse.
struct JSONScanner {
    private let bytes: [UInt8]
    private let file: String
    private var position = 0

    init(_ bytes: [UInt8], file: String) {
        self.bytes = bytes
        self.file = file
    }

    func malformed(_ problem: String) -> DataFileError {
        DataFileError(
            .malformed, in: file, at: "byte \(8 + position)", problem,
            cure: "The header is damaged, or this is not a safetensors file: use a previous version of the file.")
    }

    /// Reads an object; `member` is called with each key and reads its value.
    mutating func object(_ member: (inout JSONScanner, String) throws -> Void) throws {
        try expect("{")
        if consume("}") { return }
        repeat {
            let key = try string()
            try expect(":")
            try member(&self, key)
        } while consume(",")
        try expect("}")
    }

    /// Reads an array of whole numbers from 0 on.
    mutating func integers() throws -> [Int] {
        try expect("[")
        if consume("]") { return [] }
        var integers: [Int] = []
        repeat { integers.append(try integer()) } while consume(",")
        try expect("]")
        return integers
    }

    /// Reads a string, escapes resolved.
    mutating func string() throws -> String {
        try expect("\"")
        var content: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: content, as: UTF8.self) else {
                    throw malformed("a string is not UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): content += try escaped()
            case ..<0x20: throw malformed("a control character stands in a string")
            default: content.append(byte)
            }
        }
        throw malformed("a string has no end")
    }

    /// Checks that only spaces are left.
    mutating func expectEnd() throws {
        skipSpace()
        guard position == bytes.count else { throw malformed("something follows the header's object") }
    }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private mutating func consume(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard position < bytes.count, UInt32(bytes[position]) == character.value else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws {
        guard consume(character) else { throw malformed("expected \(character)") }
    }

    private mutating func integer() throws -> Int {
        skipSpace()
        let start = position
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position += 1 }
        let digits = bytes[start..<position]
        guard !digits.isEmpty, digits.count == 1 || digits.first != 0x30 else {
            throw malformed("expected a whole number, not negative")
        }
        guard let value = Int(String(decoding: digits, as: UTF8.self)) else {
            throw malformed("the number \(String(decoding: digits.prefix(40), as: UTF8.self)) is too large")
        }
        return value
    }

    private mutating func escaped() throws -> [UInt8] {
        guard position < bytes.count else { throw malformed("a string has no end") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return Array(String(try scalar()).utf8)
        default: throw malformed("a string holds an unknown escape")
        }
    }

    /// The character of `\uXXXX`, or of two of them that form a surrogate pair.
    private mutating func scalar() throws -> Character {
        var value = try codeUnit()
        if (0xD800..<0xDC00).contains(value), bytes[position...].starts(with: [0x5C, 0x75]) {
            position += 2
            let low = try codeUnit()
            guard (0xDC00..<0xE000).contains(low) else { throw malformed("a surrogate pair lacks its second half") }
            value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(value) else { throw malformed("half of a surrogate pair stands alone") }
        return Character(scalar)
    }

    private mutating func codeUnit() throws -> UInt32 {
        guard bytes.count - position >= 4 else { throw malformed("a string has no end") }
        var value: UInt32 = 0
        for byte in bytes[position..<(position + 4)] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw malformed("an escape needs four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
        }
        position += 4
        return value
    }
}
