internal import BallastFiles

/// Splits the bytes of a CSV file into records and fields, and turns fields into text and numbers.
struct CSVScanner {
    /// A field: where its content is, without surrounding spaces and quotes.
    struct Field: Hashable {
        var range: Range<Int>
        /// Whether the content holds doubled quotes.
        var hasQuotes = false
    }

    /// The fields of the record that `nextRecord` read last.
    private(set) var fields: [Field] = []
    /// The line on which that record starts, from 1.
    private(set) var recordLine = 1

    private let bytes: [UInt8]
    private let delimiter: UInt8
    private let file: String
    private var position: Int
    private var line = 1

    private static let quote = UInt8(ascii: "\"")
    private static let lineFeed: UInt8 = 0x0A
    private static let carriageReturn: UInt8 = 0x0D

    init(_ bytes: [UInt8], delimiter: Character, file: String) throws {
        guard let delimiter = delimiter.asciiValue, delimiter != Self.quote, delimiter != 0x0A, delimiter != 0x0D else {
            throw DataFileError(
                .unsupported, in: file, "\"\(delimiter)\" cannot separate fields",
                suggestion: "Pass one ASCII character, such as \",\", \";\" or a tab.")
        }
        guard !bytes.starts(with: [0xFF, 0xFE]), !bytes.starts(with: [0xFE, 0xFF]) else {
            throw DataFileError(
                .unsupported, in: file, at: "byte 0", "the text is in UTF-16", suggestion: "Save it in UTF-8.")
        }
        self.bytes = bytes
        self.delimiter = delimiter
        self.file = file
        position = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    }

    /// Reads the next record that is not an empty line into `fields`; false at the end of the file.
    mutating func nextRecord() throws -> Bool {
        while position < bytes.count, bytes[position] == Self.lineFeed || bytes[position] == Self.carriageReturn {
            endLine()
        }
        guard position < bytes.count else { return false }
        recordLine = line
        fields.removeAll(keepingCapacity: true)
        while true {
            fields.append(try nextField())
            guard position < bytes.count else { return true }
            if bytes[position] == delimiter {
                position += 1
            } else {
                endLine()
                return true
            }
        }
    }

    /// Steps over one end of line: LF, CRLF or CR.
    private mutating func endLine() {
        let isPair =
            bytes[position] == Self.carriageReturn && position + 1 < bytes.count && bytes[position + 1] == Self.lineFeed
        position += isPair ? 2 : 1
        line += 1
    }

    private func isSpace(_ byte: UInt8) -> Bool { (byte == 0x20 || byte == 0x09) && byte != delimiter }

    private func isEnd(_ position: Int) -> Bool {
        position >= bytes.count || bytes[position] == delimiter || bytes[position] == Self.lineFeed
            || bytes[position] == Self.carriageReturn
    }

    private mutating func nextField() throws -> Field {
        while position < bytes.count, isSpace(bytes[position]) { position += 1 }
        if position < bytes.count, bytes[position] == Self.quote { return try quotedField() }
        let start = position
        while !isEnd(position) {
            guard bytes[position] != Self.quote else {
                throw malformed("a quote inside a field that does not start with one", line)
            }
            position += 1
        }
        var end = position
        while end > start, isSpace(bytes[end - 1]) { end -= 1 }
        return Field(range: start..<end)
    }

    private mutating func quotedField() throws -> Field {
        let startLine = line
        position += 1
        var field = Field(range: position..<position)
        while position < bytes.count {
            if bytes[position] == Self.quote {
                guard position + 1 < bytes.count, bytes[position + 1] == Self.quote else {
                    field.range = field.range.lowerBound..<position
                    position += 1
                    while position < bytes.count, isSpace(bytes[position]) { position += 1 }
                    guard isEnd(position) else { throw malformed("text follows the closing quote of a field", line) }
                    return field
                }
                field.hasQuotes = true
                position += 2
            } else if bytes[position] == Self.lineFeed || bytes[position] == Self.carriageReturn {
                endLine()
            } else {
                position += 1
            }
        }
        throw malformed("a quoted field has no end", startLine)
    }

    private func malformed(_ problem: String, _ line: Int) -> DataFileError {
        DataFileError(
            .malformed, in: file, at: "line \(line), column \(fields.count + 1)", problem,
            suggestion: "Put the whole field in quotes and double the quotes inside it.")
    }

    /// The text of a field, doubled quotes made single.
    func text(_ field: Field) -> String {
        guard field.hasQuotes else { return String(decoding: bytes[field.range], as: UTF8.self) }
        var content: [UInt8] = []
        var position = field.range.lowerBound
        while position < field.range.upperBound {
            content.append(bytes[position])
            position += bytes[position] == Self.quote ? 2 : 1
        }
        return String(decoding: content, as: UTF8.self)
    }

    /// The number in a field, rounded to nearest; infinite where it is beyond `Float`; nil if it is no number.
    func number(_ field: Field) -> Float? {
        decimal(field.range) ?? Float(text(field))
    }

    /// The fast path: a decimal of few digits, exact because digits and power of ten are both exact in `Float`.
    private func decimal(_ range: Range<Int>) -> Float? {
        var position = range.lowerBound
        let isNegative = position < range.upperBound && bytes[position] == UInt8(ascii: "-")
        if isNegative { position += 1 }
        var digits = 0
        var significand = 0
        var decimals = -1
        while position < range.upperBound {
            let byte = bytes[position]
            if byte &- 0x30 < 10 {
                significand = significand * 10 + Int(byte &- 0x30)
                guard significand <= 1 << 24 else { return nil }
                digits += 1
                if decimals >= 0 { decimals += 1 }
            } else if byte == UInt8(ascii: "."), decimals < 0 {
                decimals = 0
            } else {
                return nil
            }
            position += 1
        }
        guard digits > 0, decimals <= 10 else { return nil }
        var power: Float = 1
        for _ in 0..<max(decimals, 0) { power *= 10 }
        let magnitude = Float(significand) / power
        return isNegative ? -magnitude : magnitude
    }
}
