/// The checksums that a safetensors file written by Ballast carries, as one entry of its metadata.
///
/// Other readers ignore the entry: its name is `ballast.checksums`, its value the word `ballast-crc32`, the checksum
/// of the header, and those of the tensors in the order of the header; each is a CRC-32 in eight hexadecimal digits.
/// The header's covers everything before the tensors' bytes (length, JSON and padding), its own digits as zeros.
///
/// CRC-32 finds every change within 32 bits in a row, and every change of two bits; it misses one in four billion of
/// all others. zlib computes it faster than a disk writes.
struct SafetensorsChecksums {
    static let key = "ballast.checksums"
    private static let mark = "ballast-crc32 "
    private static let digits = 8

    var header: UInt32 = 0
    var tensors: [UInt32]

    init(tensors: [UInt32]) { self.tensors = tensors }

    /// Parses the value of the entry; nil if it does not have the form above.
    init?(_ text: String) {
        guard Self.isMarked(text) else { return nil }
        let words = text.utf8.dropFirst(Self.mark.utf8.count).split(
            separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        let values = words.compactMap { word in
            // The digits that are written, no others: a sign or a capital is damage.
            word.count == Self.digits && word.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
                ? UInt32(Substring(word), radix: 16) : nil
        }
        guard let header = values.first, values.count == words.count else { return nil }
        self.header = header
        tensors = Array(values.dropFirst())
    }

    /// Whether an entry of the metadata holds checksums: by its name or by its value, so that damage to one of them
    /// does not make the file look like one without checksums.
    static func isEntry(_ key: String, _ value: String) -> Bool {
        ExactText(key) == ExactText(Self.key) || isMarked(value)
    }

    private static func isMarked(_ value: String) -> Bool { value.utf8.starts(with: mark.utf8) }

    /// The value of the entry.
    var text: String {
        Self.mark + ([header] + tensors).map(Self.hexadecimal).joined(separator: " ")
    }

    static func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: Self.digits - digits.count) + digits
    }

    /// The range of the header's own digits, given where the value of the entry starts.
    static func headerDigits(inValueAt start: Int) -> Range<Int> {
        let first = start + mark.utf8.count
        return first..<(first + digits)
    }

    /// The checksum of a header: its length and its JSON, with zeros for its own digits.
    static func checksum(ofHeader json: [UInt8], digits: Range<Int>) -> UInt32 {
        let length = (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) }
        let zeros = [UInt8](repeating: UInt8(ascii: "0"), count: digits.count)
        let parts = [length[...], json[..<digits.lowerBound], zeros[...], json[digits.upperBound...]]
        return parts.reduce(0) { checksum, part in
            part.withUnsafeBytes { Gzip.checksum($0, continuing: checksum) }
        }
    }
}
