import Ballast
import Foundation
import Testing

@Suite struct SafetensorsChecksumTests {
    private let tensors: [SafetensorsFile.Source] = [
        .init("pixels", shape: [3], [1, 2, 255] as [UInt8]),
        .init("layer.weight \u{1F}", shape: [5, 4], (0..<20).map { Float($0) / 7 }),
        .init("steps", shape: [], [-7] as [Int32]),
    ]

    private func bytes(_ metadata: [String: String] = ["note": "tab\t and \u{1A}", "z": ""]) throws -> [UInt8] {
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a")
            try SafetensorsFile.write(tensors, metadata: metadata, to: url)
            return try Array(Data(contentsOf: url))
        }
    }

    @Test func `the checksums are those of zlib, and no part of the metadata that is read`() throws {
        // From Python 3: zlib.crc32(bytes([1, 2, 255])), zlib.crc32(struct.pack("<i", -7)).
        let text = String(decoding: try bytes([:]).dropFirst(8).prefix(120), as: UTF8.self)
        #expect(text.hasPrefix("{\"__metadata__\":{\"ballast.checksums\":\"ballast-crc32 "))
        let words = text.split(separator: "\"")[5].split(separator: " ")
        #expect(words.count == 5 && words[2] == "e1b73e2a" && words[4] == "da94a023")
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a")
            try Data(bytes()).write(to: url)
            let file = try SafetensorsFile(contentsOf: url)
            #expect(file.isChecked)
            #expect(file.metadata == ["note": "tab\t and \u{1A}", "z": ""])
        }
    }

    @Test func `a file without checksums is read, and says so`() throws {
        let file = try SafetensorsFile(contentsOf: FormatFixtures.url("reference.safetensors"))
        #expect(!file.isChecked)
        #expect(try file.floats(of: "layer.weight").count == 6)
    }

    /// The number of flips: BALLAST_BIT_FLIPS, or 500.
    @Test func `a flipped bit anywhere in a file is found`() throws {
        let flips = ProcessInfo.processInfo.environment["BALLAST_BIT_FLIPS"].flatMap { Int($0) } ?? 500
        let bytes = try bytes()
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a")
            var generator = SystemRandomNumberGenerator()
            var kinds: [DataFileError.Kind: Int] = [:]
            for flip in 0..<flips {
                // The first flips go through the header, which is most of a small file.
                let bit =
                    flip < 250 ? flip * 8 * bytes.count / 250 : Int.random(in: 0..<(8 * bytes.count), using: &generator)
                var damaged = bytes
                damaged[bit / 8] ^= 1 << UInt8(bit % 8)
                try Data(damaged).write(to: url)
                let error = dataFileError {
                    let file = try SafetensorsFile(contentsOf: url)
                    for entry in file.entries { _ = try file.bytes(of: entry.name) }
                }
                if let error { kinds[error.kind, default: 0] += 1 }
                #expect(error != nil, "bit \(bit % 8) of byte \(bit / 8) was not found")
            }
            #expect(kinds[.checksum, default: 0] > flips / 5, "\(kinds)")
        }
    }

    @Test func `damage to a tensor is named where it is read, by every way to read`() throws {
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a")
            var damaged = try bytes()
            let last = damaged.count - 1
            damaged[last] ^= 1
            try Data(damaged).write(to: url)
            let file = try SafetensorsFile(contentsOf: url)
            let error = dataFileError { try file.bytes(of: "pixels") }
            #expect(error?.kind == .checksum && error?.location == "tensor \"pixels\"")
            #expect(try file.floats(of: "layer.weight \u{1F}").count == 20)
            damaged[last - 10] ^= 4
            damaged[last - 4] ^= 4
            try Data(damaged).write(to: url)
            let second = try SafetensorsFile(contentsOf: url)
            #expect(dataFileError { try second.floats(of: "layer.weight \u{1F}") }?.kind == .checksum)
            #expect(dataFileError { try second.integers(of: "steps") }?.kind == .checksum)
        }
    }

    @Test func `checksums of another file are refused, in reading and in writing`() throws {
        let words = String(decoding: try bytes([:]).dropFirst(8), as: UTF8.self).split(separator: "\"")
        let checksums = String(words[5])
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a")
            for metadata in [["ballast.checksums": "x"], ["other": checksums]] {
                let error = dataFileError { try SafetensorsFile.write([], metadata: metadata, to: url) }
                #expect(error?.kind == .outOfRange)
            }
            let header = "{\"__metadata__\":{\"ballast.checksums\":\"\(checksums)\"}}"
            let length = FormatFixtures.bigEndian(UInt64(header.utf8.count).byteSwapped, 8)
            try Data(length + Array(header.utf8)).write(to: url)
            let error = dataFileError { try SafetensorsFile(contentsOf: url) }
            #expect(error?.kind == .checksum && error?.suggestion.contains("If another program changed it") == true)
        }
    }
}
