import Ballast
import Foundation
import Testing

@Suite struct IDXFileTests {
    @Test func `a compressed file gives shape and bytes`() throws {
        let images = try IDXFile(contentsOf: FormatFixtures.url("images.idx3.gz"))
        #expect(images.shape == [10, 28, 28])
        #expect(images.elements == .bytes((0..<7840).map { UInt8($0 * $0 % 251) }))
        let labels = try IDXFile(contentsOf: FormatFixtures.url("labels.idx1.gz"))
        #expect(labels.elements == .bytes(Array(0...9)))
    }

    @Test(
        arguments: zip(
            [0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E] as [UInt8],
            [
                [0x00, 0xFF],
                [0x00, 0xFF],
                [0x00, 0x01, 0xFF, 0xFE],
                [0x00, 0x00, 0x00, 0x01, 0x80, 0x00, 0x00, 0x00],
                [0x3F, 0x80, 0x00, 0x00, 0xC0, 0x00, 0x00, 0x00],
                [0x3F, 0xF0, 0, 0, 0, 0, 0, 0, 0xC0, 0x00, 0, 0, 0, 0, 0, 0],
            ] as [[UInt8]]))
    func `every element type is read`(type: UInt8, content: [UInt8]) throws {
        let expected: [UInt8: StoredElements] = [
            0x08: .bytes([0, 255]), 0x09: .integers([0, -1]), 0x0B: .integers([1, -2]),
            0x0C: .integers([1, .min]), 0x0D: .floats([1, -2]), 0x0E: .floats([1, -2]),
        ]
        let plain = FormatFixtures.idx(type, [2], content)
        #expect(try IDXFile(bytes: plain, file: "f").elements == expected[type])
        #expect(try IDXFile(bytes: FormatFixtures.gzip(plain), file: "f").elements == expected[type])
    }

    @Test(arguments: [5, 7])
    func `a file of another size is refused with both sizes`(count: Int) {
        let bytes = FormatFixtures.idx(0x08, [2, 3], [UInt8](repeating: 1, count: count))
        let error = dataFileError { try IDXFile(bytes: bytes, file: "x.idx") }
        #expect(error?.kind == (count < 6 ? .truncated : .oversized))
        #expect(
            error?.description.hasPrefix("x.idx: expected 18 bytes for the shape [2, 3], found \(12 + count)") == true)
        let compressed = dataFileError { try IDXFile(bytes: FormatFixtures.gzip(bytes), file: "x.idx.gz") }
        #expect(compressed?.kind == error?.kind)
        #expect(compressed?.description.contains("expected 18 bytes") == true)
    }

    @Test func `a shape beyond Int is refused`() {
        let huge = FormatFixtures.idx(0x08, [0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF], [])
        #expect(dataFileError { try IDXFile(bytes: huge, file: "f") }?.kind == .malformed)
        let large = FormatFixtures.idx(0x0E, [0xFFFF_FFFF, 0x4000], [])
        #expect(dataFileError { try IDXFile(bytes: large, file: "f") }?.kind == .truncated)
        let compressed = FormatFixtures.gzip(large)
        #expect(dataFileError { try IDXFile(bytes: compressed, file: "f") }?.kind == .oversized)
    }

    @Test func `what is not IDX is refused`() {
        #expect(dataFileError { try IDXFile(bytes: [], file: "f") }?.kind == .truncated)
        #expect(dataFileError { try IDXFile(bytes: [1, 2, 3, 4], file: "f") }?.kind == .malformed)
        #expect(dataFileError { try IDXFile(bytes: [0, 0, 0x0A, 1], file: "f") }?.kind == .unsupported)
        #expect(dataFileError { try IDXFile(bytes: [0, 0, 8, 200], file: "f") }?.kind == .truncated)
    }

    @Test func `a missing file, a folder and a device are named`() {
        let missing = dataFileError { try IDXFile(contentsOf: URL(filePath: "/nowhere/x.idx")) }
        #expect(missing?.description.hasPrefix("/nowhere/x.idx: cannot be read: No such file or directory.") == true)
        let folder = dataFileError { try IDXFile(contentsOf: URL(filePath: "/tmp")) }
        #expect(folder?.problem == "this is a folder")
        let device = dataFileError { try IDXFile(contentsOf: URL(filePath: "/dev/zero")) }
        #expect(device?.problem == "this is not a regular file")
    }
}
