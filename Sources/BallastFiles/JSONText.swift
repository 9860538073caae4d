extension String {
    /// The text as a JSON string: in quotes, with quotes, backslashes and control characters escaped.
    ///
    /// - Source: RFC 8259, section 7.
    package var quotedAsJSON: String {
        var result: [UInt8] = [UInt8(ascii: "\"")]
        result.reserveCapacity(utf8.count + 2)
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): result += [UInt8(ascii: "\\"), byte]
            case 0x0A: result += "\\n".utf8
            case 0x0D: result += "\\r".utf8
            case 0x09: result += "\\t".utf8
            case ..<0x20: result += (byte < 0x10 ? "\\u000" : "\\u001").utf8 + [Self.hexadecimal[Int(byte & 0xF)]]
            default: result.append(byte)
            }
        }
        result.append(UInt8(ascii: "\""))
        return String(decoding: result, as: UTF8.self)
    }

    private static let hexadecimal = Array("0123456789abcdef".utf8)
}
