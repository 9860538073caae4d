import Ballast
import Foundation
import Testing

/// A small compressed file that announces a large content takes no memory unless the caller allows it.
@Suite struct DecompressionLimitTests {
    /// The checksum of a prefix and zeros, computed without holding them all.
    private static func crc(_ prefix: [UInt8], _ count: Int) -> UInt32 {
        var checksum = prefix.withUnsafeBytes { Gzip.checksum($0) }
        let zeros = [UInt8](repeating: 0, count: 1 << 16)
        var rest = count - prefix.count
        while rest > 0 {
            checksum = zeros.withUnsafeBytes {
                Gzip.checksum(UnsafeRawBufferPointer(rebasing: $0.prefix(rest)), continuing: checksum)
            }
            rest -= zeros.count
        }
        return checksum
    }

    /// A gzip file of an IDX array of unsigned bytes, all zero.
    static func idx(_ bytes: Int) -> [UInt8] {
        let prefix = FormatFixtures.idx(8, [bytes], [])
        let count = prefix.count + bytes
        return FormatFixtures.gzip(
            deflated: FormatFixtures.deflated(prefix, zerosTo: count), checksum: crc(prefix, count), count: count)
    }

    /// An NPZ file of one array of zeros.
    static func npz(_ type: String, _ shape: [Int], width: Int, isFortran: Bool) -> [UInt8] {
        let tuple = "(\(shape.map(String.init).joined(separator: ", ")),)"
        let prefix = FormatFixtures.npy(type, tuple, isFortran: isFortran)
        let count = prefix.count + shape.reduce(width, *)
        return FormatFixtures.zip(
            Array("x.npy".utf8), FormatFixtures.deflated(prefix, zerosTo: count), method: 8,
            checksum: crc(prefix, count), count: count)
    }

    @Test func `content within the limit is read, and beyond it where the caller raises the limit`() throws {
        let small = try IDXFile(bytes: Self.idx(100_000), file: "f")
        #expect(small.elements == .bytes([UInt8](repeating: 0, count: 100_000)))
        let large = Self.idx(80 << 20)
        #expect(large.count < 1 << 20)
        let error = dataFileError { try IDXFile(bytes: large, file: "f") }
        #expect(error?.kind == .oversized)
        #expect(
            error?.suggestion == "If the file is meant to be this large, pass maximumBytes: \(80 << 20 + 8) or more.")
        #expect(try IDXFile(bytes: large, file: "f", maximumBytes: 80 << 20 + 8).elements.count == 80 << 20)
    }

    @Test(arguments: [false, true])
    func `arrays of archives keep to the limit`(isFortran: Bool) throws {
        let small = try NPZFile(bytes: Self.npz("<f4", [100, 30], width: 4, isFortran: isFortran), file: "f")
        #expect(
            try small.array(named: "x")
                == NPYFile(shape: [100, 30], elements: .floats(.init(repeating: 0, count: 3000))))
        // The content is within the limit, but not together with its elements.
        let wide = Self.npz("|i1", [5000, 5000], width: 1, isFortran: isFortran)
        let error = dataFileError { try NPZFile(bytes: wide, file: "f").array(named: "x") }
        #expect(error?.kind == .oversized && error?.suggestion.contains("maximumBytes") == true)
        // The content itself is beyond the limit: known when the file is opened.
        let large = Self.npz("|u1", [9000, 9000], width: 1, isFortran: isFortran)
        #expect(dataFileError { try NPZFile(bytes: large, file: "f") }?.kind == .oversized)
        #expect(try NPZFile(bytes: large, file: "f", maximumBytes: 1 << 28).names == ["x"])
        // What the error names is enough.
        let array = Self.npz("<f4", [100, 30], width: 4, isFortran: isFortran)
        let low = dataFileError { try NPZFile(bytes: array, file: "f", maximumBytes: 20_000).array(named: "x") }
        let enough = try #require(low?.suggestion.split(separator: " ").compactMap { Int($0) }.first)
        #expect(try NPZFile(bytes: array, file: "f", maximumBytes: enough).array(named: "x").shape == [100, 30])
    }

    @Test func `a header that announces more than there is takes no memory`() throws {
        let file = FormatFixtures.gzip(FormatFixtures.idx(8, [0xFFFF_FFFF, 200], [1, 2, 3]))
        #expect(dataFileError { try IDXFile(bytes: file, file: "f") }?.kind == .oversized)
    }

    @Test func `an entry that is no array is refused by its first bytes`() throws {
        let count = 60_000_000
        let zeros = FormatFixtures.deflated([0], zerosTo: count)
        // With a wrong checksum: that the first bytes are refused shows that the rest was not read.
        let file = try NPZFile(
            bytes: FormatFixtures.zip(Array("x".utf8), zeros, method: 8, checksum: 1, count: count), file: "f")
        #expect(dataFileError { try file.array(named: "x") }?.problem == "this is not an NPY file")
    }

    @Test func `a file of less than one megabyte takes less than 64 MiB and four times its size`() async {
        await #expect(processExitsWith: .success) {
            let files = [
                DecompressionLimitTests.idx(60 << 20),
                DecompressionLimitTests.npz("|u1", [4000, 2000], width: 1, isFortran: true),
                DecompressionLimitTests.npz("<f4", [2000, 4000], width: 4, isFortran: false),
                DecompressionLimitTests.npz("<f4", [1000, 2000], width: 4, isFortran: true),
                DecompressionLimitTests.npz("<f8", [1000, 2000], width: 8, isFortran: false),
            ]
            let before = peak()
            for file in files {
                if file[0] == 0x1F {
                    _ = try IDXFile(bytes: file, file: "f")
                } else {
                    _ = try NPZFile(bytes: file, file: "f").array(named: "x")
                }
                let added = peak() - before
                guard file.count < 1 << 20, added < 64 << 20 + 4 * file.count else {
                    print("\(file.count) bytes took \(added)")
                    exit(1)
                }
            }
        }
    }
}

/// The most memory that this process has had, in bytes.
private func peak() -> Int {
    var usage = rusage()
    #if canImport(Darwin)
        getrusage(RUSAGE_SELF, &usage)
        return usage.ru_maxrss
    #else
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024
    #endif
}
