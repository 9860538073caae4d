import Foundation
import Testing

@testable import samples

@Suite struct JSONTests {
    @Test func `what JSON cannot say is null`() {
        let object = JSON.object([
            ("nan", .number(.nan)), ("infinity", .number(-.infinity)), ("nothing", .number(nil)),
            ("tiny", .number(1e-300)),
        ])
        #expect(object.description == #"{"nan":null,"infinity":null,"nothing":null,"tiny":1e-300}"#)
    }

    @Test func `text comes back as it was`() throws {
        let text = "a \"quoted\" \\ λ\n\t\u{1}\u{7F} 🙂"
        let line = JSON.object([(text, .text(text))]).description
        #expect(!line.contains("\n"))
        #expect(JSON.text("a/b\r\n\t\u{1F}\"").description == #""a/b\r\n\t\u001f\"""#)
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
        #expect(object == [text: text])
    }

    @Test(arguments: [
        (0.42, "0.4 s"), (59.94, "59.9 s"), (59.96, "1:00"), (65, "1:05"), (3599.6, "1:00:00"), (7400, "2:03:20"),
        (.nan, "?"),
    ])
    func `durations are for people`(seconds: Double, text: String) {
        #expect(Progress.duration(seconds) == text)
    }
}
