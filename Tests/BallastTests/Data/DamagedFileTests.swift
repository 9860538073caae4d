import Ballast
import Foundation
import Testing

/// Whatever the bytes are, a reader gives values or an error of its own: it never traps and never hangs.
@Suite struct DamagedFileTests {
    /// Every truncation of the bytes, then copies with one to four bytes changed, at many places, always the same.
    private func damaged(_ bytes: [UInt8], changes: Int = 1500) -> [[UInt8]] {
        var state: UInt64 = 42
        func next() -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33)
        }
        var variants = stride(from: 0, to: bytes.count, by: max(1, bytes.count / 700)).map { Array(bytes.prefix($0)) }
        let special: [UInt8] = [0x00, 0x7F, 0x80, 0xFF, 0x22, 0x30, 0x7D, 0x2D]
        for index in 0..<changes {
            var variant = bytes
            for _ in 0...(next() % 4) {
                let value = next() % 3 == 0 ? UInt8(next() & 0xFF) : special[next() % special.count]
                // The first bytes, where headers are, are visited one by one.
                let position = index < min(bytes.count, 400) ? index : next() % bytes.count
                variant[min(position + next() % 3, bytes.count - 1)] = value
            }
            variants.append(variant)
        }
        return variants
    }

    /// Reads every variant; errors of another type are violations. Returns how many variants were refused.
    private func survive(_ bytes: [UInt8], _ read: ([UInt8]) throws -> Void) throws -> Int {
        var refused = 0
        for variant in damaged(bytes) {
            do {
                try read(variant)
            } catch is DataFileError {
                refused += 1
            }
        }
        return refused
    }

    @Test(arguments: ["big-i8", "fortran", "version3", "bool", "structured", "too-large", "empty"])
    func `damaged NPY files`(name: String) throws {
        let refused = try survive(FormatFixtures.bytes("\(name).npy")) { bytes in
            let file = try NPYFile(bytes: bytes, file: "f")
            #expect(file.shape.reduce(1, *) == file.elements.count)
        }
        #expect(refused > 100)
    }

    @Test(arguments: ["stored", "deflated", "zip64"])
    func `damaged NPZ files`(name: String) throws {
        let refused = try survive(FormatFixtures.bytes("\(name).npz")) { bytes in
            let file = try NPZFile(bytes: bytes, file: "f")
            for name in file.names { _ = try file.array(named: name) }
        }
        #expect(refused > 100)
    }

    @Test(arguments: ["images.idx3.gz", "labels.idx1.gz", "two-members.gz"])
    func `damaged compressed files`(name: String) throws {
        let refused = try survive(FormatFixtures.bytes(name)) { bytes in
            let file = try IDXFile(bytes: bytes, file: "f")
            #expect(file.shape.reduce(1, *) == file.elements.count)
        }
        #expect(refused > 100)
    }

    @Test(arguments: [0x08, 0x0B, 0x0E] as [UInt8])
    func `damaged plain IDX files`(type: UInt8) throws {
        let refused = try survive(
            FormatFixtures.idx(type, [2, 4], [UInt8](repeating: 3, count: type == 8 ? 8 : type == 11 ? 16 : 64))
        ) {
            let file = try IDXFile(bytes: $0, file: "f")
            #expect(file.shape.reduce(1, *) == file.elements.count)
        }
        #expect(refused > 10)
    }

    @Test func `damaged CSV files`() throws {
        let text = "a,\"b \"\"c\"\"\",label\r\n1.5,-2e3,x\r\n\"3\",4,\"y,\nz\"\r\n"
        let refused = try survive(Array(text.utf8)) { bytes in
            let file = try CSVFile(bytes: bytes, file: "f", label: .at(-1))
            #expect(file.values.count == file.rowCount * file.columns.count && file.labels?.count == file.rowCount)
        }
        #expect(refused > 100)
    }

    @Test func `damaged safetensors files`() throws {
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a.safetensors")
            let refused = try survive(FormatFixtures.bytes("reference.safetensors")) { bytes in
                try Data(bytes).write(to: url)
                let file = try SafetensorsFile(contentsOf: url)
                for entry in file.entries { #expect(try file.bytes(of: entry.name).count == entry.byteCount) }
            }
            #expect(refused > 100)
        }
    }
}
