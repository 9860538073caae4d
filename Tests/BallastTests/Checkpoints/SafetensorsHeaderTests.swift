import Ballast
import Foundation
import Testing

/// Headers that lie: each is written in front of eight bytes of data.
@Suite struct SafetensorsHeaderTests {
    private func error(_ header: String, data: Int = 8, length: UInt64? = nil) throws -> DataFileError? {
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a.safetensors")
            let length = FormatFixtures.bigEndian((length ?? UInt64(header.utf8.count)).byteSwapped, 8)
            try Data(length + Array(header.utf8) + [UInt8](repeating: 0, count: data)).write(to: url)
            return dataFileError { try SafetensorsFile(contentsOf: url) }
        }
    }

    private func tensor(
        _ name: String = "a", _ type: String = "F32", _ shape: String = "[2]", _ offsets: String = "[0,8]"
    )
        -> String
    {
        "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}"
    }

    @Test func `a right header is accepted, with spaces and in any order`() throws {
        #expect(try error("{\(tensor())}") == nil)
        #expect(
            try error(" {\n\"a\" : { \"shape\" : [ 2 ] , \"data_offsets\":[0,8], \"dtype\":\"F32\" } } \t\r\n") == nil)
        #expect(try error("{\(tensor("b", "I32", "[1]", "[4,8]")),\(tensor("a", "F32", "[1]", "[0,4]"))}") == nil)
        #expect(try error("{\(tensor("a\\u00e9\\ud83d\\udea2\\/\\b\\f"))}") == nil)
    }

    @Test(arguments: [0, 99, 100_000_001, UInt64.max, UInt64(Int64.max)])
    func `a header length that lies is refused`(length: UInt64) throws {
        let error = try error("{\(tensor())}", length: length)
        #expect(error?.kind == (length == 99 ? .truncated : .malformed), "\(String(describing: error))")
    }

    @Test(arguments: [
        ("[3]", "[0,8]"), ("[1]", "[0,8]"), ("[2]", "[8,0]"), ("[2]", "[0,9]"), ("[2]", "[1,9]"), ("[2]", "[0]"),
        ("[2]", "[0,8,8]"), ("[-2]", "[0,8]"), ("[2.0]", "[0,8]"), ("[02]", "[0,8]"), ("[]", "[0,8]"), ("2", "[0,8]"),
        ("[4611686018427387905,4]", "[0,16]"), ("[99999999999999999999]", "[0,8]"), ("[2]", "[0,99999999999999999999]"),
        ("[2]", "[9223372036854775799,9223372036854775807]"), ("[2],\"shape\":[2]", "[0,8]"), ("[2],\"x\":1", "[0,8]"),
        ("[[2]]", "[0,8]"), ("[2", "[0,8]"), ("[2,]", "[0,8]"), ("null", "[0,8]"),
    ])
    func `shapes and offsets that disagree are refused`(shape: String, offsets: String) throws {
        let error = try error("{\(tensor("a", "F32", shape, offsets))}")
        #expect(error?.kind == .malformed || error?.kind == .truncated, "\(String(describing: error))")
    }

    @Test func `overlaps, holes, missing and surplus data are refused`() throws {
        let first = tensor("a", "F32", "[1]", "[0,4]")
        #expect(
            try error("{\(first),\(tensor("b", "F32", "[1]", "[0,4]"))}", data: 4)?.problem.contains("starts at byte 0")
                == true)
        #expect(
            try error("{\(first),\(tensor("b", "U8", "[3]", "[5,8]"))}")?.problem.contains("starts at byte 5") == true)
        #expect(try error("{\(tensor())}", data: 7)?.kind == .truncated)
        #expect(try error("{\(tensor())}", data: 9)?.kind == .oversized)
        #expect(try error("{}", data: 1)?.kind == .oversized)
    }

    @Test func `duplicate names, unknown types and broken metadata are refused`() throws {
        let empty = tensor("a", "F32", "[0]", "[0,0]")
        #expect(try error("{\(empty),\(empty)}", data: 0)?.problem == "two tensors are named \"a\"")
        #expect(try error("{\(tensor("a", "C64"))}")?.problem == "the element type \"C64\" is unknown")
        #expect(try error("{\"__metadata__\":{\"a\":1}}", data: 0)?.kind == .malformed)
        #expect(try error("{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}", data: 0)?.kind == .malformed)
        #expect(try error("{\"__metadata__\":{},\"__metadata__\":{}}", data: 0)?.kind == .malformed)
    }

    @Test(arguments: [
        "", "[]", "{", "}", "{}x", "{\"", "{\"a\"}", "{\"\\", "{\"\\u12", "{\"\\ud800\":{}}", "{\"\\udc00\":{}}",
        "{\"\\ud800\\u0041\":{}}",
        "{\"\\x\":{}}", "{\"a\u{1}\":{}}", "{,}", "\u{FEFF}{}",
    ])
    func `what is not JSON is refused`(header: String) throws {
        #expect(try error(header, data: 0)?.kind == .malformed)
    }

    @Test func `deep nesting is refused without recursion`() throws {
        #expect(try error("{\"a\":" + String(repeating: "{\"a\":", count: 100_000))?.kind == .malformed)
        #expect(try error("{\"a\":" + String(repeating: "[", count: 100_000))?.kind == .malformed)
    }
}
