import Ballast
import Testing

@Suite struct GzipTests {
    @Test func `members one after another are one content`() throws {
        let bytes = try FormatFixtures.bytes("two-members.gz")
        let content = try Gzip.inflate(bytes, limit: 100, file: "two-members.gz")
        #expect(String(decoding: content, as: UTF8.self) == "first, second")
    }

    @Test func `zeros after the last member are padding, other bytes an error`() throws {
        let bytes = try FormatFixtures.bytes("two-members.gz")
        #expect(try Gzip.inflate(bytes + [0, 0, 0], limit: 100, file: "f").count == 13)
        let error = dataFileError { try Gzip.inflate(bytes + [0, 7], limit: 100, file: "f") }
        #expect(error?.description.contains("2 bytes follow the gzip data") == true)
    }

    @Test func `every truncation is detected`() throws {
        // The first member ends at byte 27: there the file is whole again.
        let bytes = try FormatFixtures.bytes("labels.idx1.gz")
        for count in 0..<bytes.count {
            let error = dataFileError { try Gzip.inflate(Array(bytes.prefix(count)), limit: 100, file: "f") }
            #expect(error?.kind == .truncated, "\(count) bytes: \(String(describing: error))")
        }
    }

    @Test func `a wrong checksum and a wrong size are detected`() throws {
        let bytes = FormatFixtures.gzip(Array("content".utf8))
        for position in (bytes.count - 8)..<bytes.count {
            var damaged = bytes
            damaged[position] ^= 1
            #expect(dataFileError { try Gzip.inflate(damaged, limit: 100, file: "f") }?.kind == .checksum)
        }
    }

    @Test func `content beyond the limit is refused before it is all there`() {
        let bytes = FormatFixtures.gzip([UInt8](repeating: 0, count: 3_000_000))
        let error = dataFileError { try Gzip.inflate(bytes, limit: 1000, file: "f") }
        #expect(error?.kind == .oversized)
        #expect(error?.description.contains("1000 bytes") == true)
    }

    @Test(arguments: [0, 1, 65535, 65536, 300_000])
    func `content of any size comes back`(count: Int) throws {
        let content = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* $0) }
        #expect(try Gzip.inflate(FormatFixtures.gzip(content), limit: count, file: "f") == content)
    }
}
