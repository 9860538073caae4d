import Ballast
import Foundation
import Testing

/// Names of a megabyte of combining marks, which Unicode's comparison takes minutes for.
///
/// The readers take milliseconds; five seconds leave room for debug builds on busy machines.
@Suite struct LongNameTests {
    private static let name = "a" + String(repeating: "\u{301}\u{323}", count: 250_000)

    private func expectFast(_ body: () throws -> Void) rethrows {
        let duration = try ContinuousClock().measure { try body() }
        #expect(duration < .seconds(5), "took \(duration)")
    }

    private func safetensors(_ header: String) throws -> SafetensorsFile {
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a.safetensors")
            let length = FormatFixtures.bigEndian(UInt64(header.utf8.count).byteSwapped, 8)
            try Data(length + Array(header.utf8)).write(to: url)
            return try SafetensorsFile(contentsOf: url)
        }
    }

    @Test func `names of tensors are read, found and written`() throws {
        let name = Self.name
        try expectFast {
            let header = "{\"\(name)\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}"
            let file = try safetensors(header)
            #expect(file.entry(named: name) != nil && file.entry(named: "a") == nil)
        }
        try expectFast {
            try FormatFixtures.withFolder { folder in
                let url = folder.appending(path: "a")
                try SafetensorsFile.write([.init(name, shape: [1], [1] as [Float])], to: url)
                #expect(try SafetensorsFile(contentsOf: url).floats(of: name) == [1])
            }
        }
    }

    @Test(arguments: [
        "{\"NAME\":{\"dtype\":\"F32\"}}", "{\"__metadata__\":{\"NAME\":\"\"}}", "{\"x\":{\"NAME\":1}}",
        "{\"x\":{\"dtype\":\"NAME\",\"shape\":[0],\"data_offsets\":[0,0]}}",
    ])
    func `headers of safetensors with such names are refused with a short message`(header: String) throws {
        let header = header.replacingOccurrences(of: "NAME", with: Self.name)
        expectFast {
            let length = dataFileError { try safetensors(header) }?.description.utf8.count
            #expect((length ?? .max) < 1000)
        }
    }

    @Test func `headers of NPY with such names are refused`() throws {
        for header in ["{'\(Self.name)': 1}", "{'descr': '\(Self.name)'}"] {
            let length = FormatFixtures.bigEndian(UInt64(UInt32(header.utf8.count).byteSwapped), 4)
            let bytes = [0x93] + Array("NUMPY".utf8) + [2, 0] + length + Array(header.utf8)
            expectFast { #expect(dataFileError { try NPYFile(bytes: bytes, file: "f") } != nil) }
        }
    }

    @Test func `names of arrays in archives are read and found`() throws {
        let name = String(Self.name.unicodeScalars.prefix(30_000))
        let array = NPYFile(shape: [1], elements: .bytes([7]))
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a.npz")
            try expectFast {
                try NPZFile([name: array, name + "b": array]).write(to: url)
                #expect(try NPZFile(contentsOf: url).array(named: name) == array)
            }
        }
    }

    @Test func `labels and columns of tables are read`() throws {
        // Less than a megabyte: debug builds take a microsecond for a byte.
        let name = String(Self.name.unicodeScalars.prefix(100_000))
        let text = "\(name),b\n\(name),1\n\(name),2\nx,3\n"
        try expectFast {
            let table = try CSVFile(bytes: Array(text.utf8), file: "f", label: .named(name))
            #expect(table.labels == [0, 0, 1] && table.classes.count == 2)
        }
        expectFast {
            let error = dataFileError { try CSVFile(bytes: Array(text.utf8), file: "f") }
            #expect((error?.description.utf8.count ?? .max) < 1000)
        }
    }

    @Test func `names that Unicode takes for the same are two names`() throws {
        let (composed, decomposed) = ("\u{E9}", "e\u{301}")
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a")
            try SafetensorsFile.write(
                [.init(composed, shape: [1], [1] as [Float]), .init(decomposed, shape: [1], [2] as [Float])], to: url)
            let file = try SafetensorsFile(contentsOf: url)
            #expect(try file.floats(of: composed) == [1] && file.floats(of: decomposed) == [2])
        }
        let table = try CSVFile(
            bytes: Array("\(composed)\n\(decomposed)\n".utf8), file: "f", hasHeader: false, label: .at(0))
        #expect(table.classes.count == 2 && table.labels == [1, 0])
    }
}
