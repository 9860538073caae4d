import Ballast
import Foundation
import Testing

@Suite struct JSONTextTests {
    @Test func `every text comes back from Foundation's decoder, in printable characters`() throws {
        let control = String(String.UnicodeScalarView((0..<0x80).compactMap { Unicode.Scalar($0) }))
        for text in [control, "", "é 🚢 \u{2028}", "a\r\n\"b\"\\"] {
            let quoted = text.quotedAsJSON
            #expect(quoted.utf8.allSatisfy { $0 >= 0x20 })
            #expect(try JSONDecoder().decode([String].self, from: Data("[\(quoted)]".utf8)) == [text])
        }
        #expect("\r\n\t\u{1}\u{1F}\"\\/".quotedAsJSON == "\"\\r\\n\\t\\u0001\\u001f\\\"\\\\/\"")
    }
}
