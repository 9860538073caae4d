/// A position in bytes that are read as text of ASCII tokens: what the scanners of JSON and of Python literals share.
package struct ByteCursor {
    package let bytes: [UInt8]
    package private(set) var position = 0
    private let file: String
    private let place: String
    private let origin: Int
    private let suggestion: String

    /// Creates a cursor at the first byte.
    ///
    /// - Parameters:
    ///   - place: What errors call a position: "byte", "header byte".
    ///   - origin: The position of the first byte as errors count.
    ///   - suggestion: What errors suggest.
    package init(_ bytes: [UInt8], file: String, place: String, origin: Int = 0, suggestion: String) {
        self.bytes = bytes
        self.file = file
        self.place = place
        self.origin = origin
        self.suggestion = suggestion
    }

    /// An error at the current position.
    package func malformed(_ problem: String) -> DataFileError { error(.malformed, problem, suggestion: suggestion) }

    /// An error at the current position, with another suggestion.
    package func error(_ kind: DataFileError.Kind, _ problem: String, suggestion: String) -> DataFileError {
        DataFileError(kind, in: file, at: "\(place) \(origin + position)", problem, suggestion: suggestion)
    }

    /// The byte at the position; nil at the end.
    package var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// Takes the next byte; nil at the end.
    package mutating func next() -> UInt8? {
        guard position < bytes.count else { return nil }
        position += 1
        return bytes[position - 1]
    }

    /// Takes bytes as long as a condition holds.
    package mutating func take(while condition: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        let start = position
        while position < bytes.count, condition(bytes[position]) { position += 1 }
        return bytes[start..<position]
    }

    /// Takes a number of bytes; nil if fewer are left.
    package mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard bytes.count - position >= count else { return nil }
        position += count
        return bytes[(position - count)..<position]
    }

    package mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    /// Skips space, and the character where it follows; false if another one follows.
    package mutating func consume(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard let current, UInt32(current) == character.value else { return false }
        position += 1
        return true
    }

    package mutating func expect(_ character: Unicode.Scalar) throws {
        guard consume(character) else { throw malformed("expected \(character)") }
    }

    /// Checks that only space is left.
    package mutating func expectEnd(of content: String) throws {
        skipSpace()
        guard position == bytes.count else { throw malformed("something follows \(content)") }
    }

    /// The digits of a whole number; empty if there are none.
    package mutating func digits() -> String {
        skipSpace()
        return String(decoding: take { (0x30...0x39).contains($0) }, as: UTF8.self)
    }
}
