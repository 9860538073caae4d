import Ballast
import Foundation
import Testing

@Suite struct NPZFileTests {
    @Test(arguments: ["stored", "deflated", "zip64"])
    func `archives written by NumPy are read`(name: String) throws {
        let file = try NPZFile(contentsOf: FormatFixtures.url("\(name).npz"))
        #expect(file.names == ["x", "labels"])
        #expect(
            try file.array(named: "x") == NPYFile(shape: [2, 3, 4], elements: .floats((0..<24).map(Float.init))))
        #expect(try file.array(named: "labels") == NPYFile(shape: [3], elements: .integers([3, 1, 2])))
    }

    @Test func `what is written comes back, and the same content gives the same bytes`() throws {
        let x = NPYFile(shape: [2, 2], elements: .floats([1, 2, 3, 4]))
        let y = NPYFile(shape: [2], elements: .bytes([0, 1]))
        try FormatFixtures.withFolder { folder in
            let (first, second) = (folder.appending(path: "a.npz"), folder.appending(path: "b.npz"))
            try NPZFile(["x": x, "é": y]).write(to: first)
            let read = try NPZFile(contentsOf: first)
            #expect(read.names == ["x", "é"])
            #expect(try read.array(named: "x") == x)
            #expect(try read.array(named: "é") == y)
            try read.write(to: second)
            #expect(try Data(contentsOf: first) == Data(contentsOf: second))
        }
    }

    @Test func `a name that is not there is answered with those that are`() throws {
        let file = try NPZFile(contentsOf: FormatFixtures.url("stored.npz"))
        let error = dataFileError { try file.array(named: "y") }
        #expect(error?.description.hasSuffix("there is no array named \"y\". The file has: x, labels.") == true)
    }

    @Test func `a flipped bit in the content is found by the checksum`() throws {
        var bytes = try FormatFixtures.bytes("stored.npz")
        bytes[220] ^= 4
        let file = try NPZFile(bytes: bytes, file: "f.npz")
        let error = dataFileError { try file.array(named: "x") }
        #expect(error?.kind == .checksum)
        #expect(error?.file == "f.npz, entry \"x.npy\"")
    }

    @Test func `what is not an archive is refused`() throws {
        #expect(dataFileError { try NPZFile(bytes: [], file: "f") }?.kind == .malformed)
        #expect(
            dataFileError { try NPZFile(bytes: [UInt8](repeating: 0x50, count: 100), file: "f") }?.kind == .malformed)
        let array = NPYFile(shape: [1], elements: .bytes([1]))
        #expect(dataFileError { try NPZFile(["a": array, "a": array]) }?.problem == "two arrays are named \"a\"")
    }

    @Test(arguments: ["stored", "deflated", "zip64"])
    func `a flipped bit anywhere changes neither the names nor the arrays that are read`(name: String) throws {
        let bytes = try FormatFixtures.bytes("\(name).npz")
        func content(_ bytes: [UInt8]) throws -> [String: NPYFile] {
            let file = try NPZFile(bytes: bytes, file: "f")
            return try Dictionary(uniqueKeysWithValues: file.names.map { ($0, try file.array(named: $0)) })
        }
        let expected = try content(bytes)
        var refused = 0
        for bit in 0..<(8 * bytes.count) {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            do {
                let found = try content(damaged)
                #expect(found == expected, "bit \(bit % 8) of byte \(bit / 8)")
            } catch is DataFileError {
                refused += 1
            }
        }
        #expect(refused > 4 * bytes.count)
    }

    @Test func `a directory that leaves an array out is refused`() throws {
        let bytes = try FormatFixtures.bytes("stored.npz")
        let end = bytes.count - 22
        var fewer = bytes
        (fewer[end + 8], fewer[end + 10]) = (1, 1)
        #expect(dataFileError { try NPZFile(bytes: fewer, file: "f") }?.kind == .malformed)
        #expect(dataFileError { try NPZFile(bytes: bytes + [0], file: "f") }?.kind == .malformed)
    }
}
