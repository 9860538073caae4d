import Ballast
import Foundation
import Testing

@Suite struct NPYFileTests {
    @Test(arguments: ["little-f4", "big-f4", "little-f8", "big-f8"])
    func `floating-point arrays written by NumPy are read`(name: String) throws {
        let file = try NPYFile(contentsOf: FormatFixtures.url("\(name).npy"))
        #expect(file == NPYFile(shape: [2, 3], elements: .floats([-1, 0, 1, 2, 3, 4])))
    }

    @Test(arguments: ["i1", "little-i2", "big-i2", "little-i4", "big-i4", "little-i8", "big-i8"])
    func `signed arrays written by NumPy are read`(name: String) throws {
        let file = try NPYFile(contentsOf: FormatFixtures.url("\(name).npy"))
        #expect(file == NPYFile(shape: [2, 3], elements: .integers([-1, 0, 1, 2, 3, 4])))
    }

    @Test(arguments: ["u1", "little-u2", "big-u2", "little-u4", "big-u4", "little-u8"])
    func `unsigned arrays written by NumPy are read`(name: String) throws {
        let file = try NPYFile(contentsOf: FormatFixtures.url("\(name).npy"))
        #expect(file.shape == [2, 3])
        #expect(file.elements == (name == "u1" ? .bytes([0, 1, 2, 3, 4, 5]) : .integers([0, 1, 2, 3, 4, 5])))
    }

    @Test func `booleans become the bytes 0 and 1`() throws {
        #expect(try NPYFile(contentsOf: FormatFixtures.url("bool.npy")).elements == .bytes([1, 0, 1]))
    }

    @Test(arguments: ["fortran", "version2", "version3"])
    func `every version and order gives the same row-major elements`(name: String) throws {
        let file = try NPYFile(contentsOf: FormatFixtures.url("\(name).npy"))
        #expect(file == NPYFile(shape: [2, 3, 4], elements: .floats((0..<24).map(Float.init))))
    }

    @Test func `single numbers and empty arrays are read`() throws {
        let scalar = try NPYFile(contentsOf: FormatFixtures.url("scalar.npy"))
        #expect(scalar == NPYFile(shape: [], elements: .floats([2.5])))
        let empty = try NPYFile(contentsOf: FormatFixtures.url("empty.npy"))
        #expect(empty == NPYFile(shape: [0, 3], elements: .floats([])))
    }

    @Test func `an integer beyond Int32 is named with its index`() {
        let error = dataFileError { try NPYFile(contentsOf: FormatFixtures.url("too-large.npy")) }
        #expect(error?.kind == .outOfRange)
        #expect(error?.location == "element 2")
        #expect(error?.problem == "the value 2147483648 does not fit Int32")
    }

    @Test func `types that are not read are named`() {
        let structured = dataFileError { try NPYFile(contentsOf: FormatFixtures.url("structured.npy")) }
        #expect(structured?.kind == .unsupported)
        let complex = dataFileError { try NPYFile(contentsOf: FormatFixtures.url("complex.npy")) }
        #expect(complex?.problem == "elements of type \"<c8\" are not read")
    }

    @Test func `what is written comes back, and as NumPy writes it`() throws {
        let ramp = NPYFile(shape: [2, 3, 4], elements: .floats((0..<24).map(Float.init)))
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "ramp.npy")
            try ramp.write(to: url)
            #expect(try NPYFile(contentsOf: url) == ramp)
        }
        let reference = try FormatFixtures.bytes("little-f4.npy")
        #expect(NPYFile(shape: [2, 3], elements: .floats([-1, 0, 1, 2, 3, 4])).encoded == reference)
        for file in [
            NPYFile(shape: [], elements: .integers([-7])), NPYFile(shape: [3], elements: .bytes([1, 2, 255])),
            NPYFile(shape: [0], elements: .floats([])),
        ] {
            #expect(try NPYFile(bytes: file.encoded, file: "f") == file)
            #expect(file.encoded.count - 4 * file.elements.count >= 64 || file.elements.count > 0)
        }
    }

    @Test(
        arguments: [
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2,) }}",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
            "{'descr': '<f4",
            "",
        ])
    func `a header that lies is refused`(header: String) {
        let bytes =
            [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8) + [0, 0, 0, 0]
        #expect(dataFileError { try NPYFile(bytes: bytes, file: "f") }?.kind == .malformed)
    }

    @Test func `a file of another size is refused with both sizes`() throws {
        let bytes = try FormatFixtures.bytes("little-f4.npy")
        let short = dataFileError { try NPYFile(bytes: bytes.dropLast(), file: "f") }
        #expect(short?.problem == "expected 24 bytes for the shape [2, 3], found 23")
        #expect(dataFileError { try NPYFile(bytes: bytes + [0], file: "f") }?.kind == .oversized)
    }
}
