import Ballast
import Foundation
import Testing

@Suite struct SafetensorsFileTests {
    private let tensors: [SafetensorsFile.Source] = [
        .init("pixels", shape: [3], [1, 2, 255] as [UInt8]),
        .init("layer \"1\"\n/é🚢\u{1}\\", shape: [2, 2], [1, -2, .pi, .greatestFiniteMagnitude] as [Float]),
        .init("steps", shape: [], [-7] as [Int32]),
        .init("nothing", shape: [0, 5], [] as [Float]),
    ]

    @Test func `a file written by the Python library is read`() throws {
        let file = try SafetensorsFile(contentsOf: FormatFixtures.url("reference.safetensors"))
        #expect(file.metadata == ["note": "tab\t, quote \", backslash \\, é and 🚢"])
        #expect(file.entry(named: "layer.weight")?.shape == [2, 3])
        #expect(try file.floats(of: "layer.weight") == [0, 1, 2, 3, 4, 5])
        #expect(try file.integers(of: "layer.steps") == [7, -8])
        #expect(try file.integers(of: "count") == [5, -6])
        #expect(try file.bytes(of: "pixels") == [1, 2, 3])
        #expect(try file.floats(of: "nothing") == [])
        #expect(file.entry(named: "half")?.type == .float16 && file.entry(named: "double")?.shape == [])
    }

    @Test func `what is written comes back, aligned, and the same content gives the same bytes`() throws {
        try FormatFixtures.withFolder { folder in
            let (first, second) = (folder.appending(path: "a"), folder.appending(path: "b"))
            let metadata = ["epoch": "3", "b\t": "\u{1F}\"", "a": ""]
            try SafetensorsFile.write(tensors, metadata: metadata, to: first)
            try SafetensorsFile.write(tensors, metadata: metadata, to: second)
            #expect(try Data(contentsOf: first) == Data(contentsOf: second))
            let file = try SafetensorsFile(contentsOf: first)
            #expect(file.metadata == metadata)
            #expect(file.entries.map(\.name) == tensors.map(\.name))
            #expect(file.entries.map(\.shape) == tensors.map(\.shape))
            #expect(file.entries.allSatisfy { $0.range.lowerBound % $0.type.width == 0 })
            #expect(try file.floats(of: tensors[1].name) == [1, -2, .pi, .greatestFiniteMagnitude])
            #expect(try file.integers(of: "steps") == [-7])
            #expect(try file.bytes(of: "pixels") == [1, 2, 255])
        }
    }

    @Test func `a file without tensors is a file`() throws {
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a")
            try SafetensorsFile.write([], to: url)
            let file = try SafetensorsFile(contentsOf: url)
            #expect(file.entries.isEmpty && file.metadata.isEmpty)
        }
    }

    @Test func `tensors of another name, type or size are refused with what there is`() throws {
        let file = try SafetensorsFile(contentsOf: FormatFixtures.url("reference.safetensors"))
        let name = dataFileError { try file.floats(of: "bias") }
        #expect(name?.problem == "there is no tensor \"bias\"" && name?.suggestion.contains("layer.weight") == true)
        let type = dataFileError { try file.floats(of: "half") }
        #expect(type?.location == "tensor \"half\"" && type?.problem == "its elements are F16, expected F32")
        var room = [Float](repeating: 0, count: 5)
        let size = dataFileError {
            try room.withUnsafeMutableBytes { try file.read("layer.weight", as: .float32, into: $0) }
        }
        #expect(size?.problem == "its shape [2, 3] takes 24 bytes, 20 are expected")
    }

    @Test func `tensors that contradict themselves are not written`() throws {
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a")
            func problem(_ tensors: [SafetensorsFile.Source]) -> String? {
                dataFileError { try SafetensorsFile.write(tensors, to: url) }?.problem
            }
            let one = SafetensorsFile.Source("a", shape: [1], [1] as [Float])
            #expect(problem([one, one])?.contains("two tensors are named \"a\"") == true)
            #expect(problem([.init("__metadata__", shape: [1], [1] as [Float])])?.contains("reserved") == true)
            #expect(
                problem([one, .init("b", shape: [3], [1, 2] as [Float])])
                    == "the shape [3] of F32 takes 12 bytes, 8 were given")
            #expect(problem([.init("b", shape: [.max, 2], [] as [Float])])?.contains("larger than any file") == true)
            #expect(problem([.init("b", shape: [-1], [] as [Float])])?.contains("negative") == true)
            #expect(problem([.init("b", .float32, shape: [1]) { _ in }])?.contains("0 were given") == true)
            let twice = SafetensorsFile.Source("b", .uint8, shape: [2]) { body in
                try [1].withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[..<2])) }
                try [1].withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[..<2])) }
            }
            #expect(problem([twice])?.contains("4 were given") == true)
            let names = try FormatFixtures.names(in: folder)
            #expect(names.isEmpty)
        }
    }

    @Test func `a file that shrinks after opening gives an error, not a crash`() throws {
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a")
            try SafetensorsFile.write(tensors, to: url)
            let file = try SafetensorsFile(contentsOf: url)
            let handle = try FileHandle(forWritingTo: url)
            try handle.truncate(atOffset: 20)
            try handle.close()
            #expect(dataFileError { try file.floats(of: tensors[1].name) }?.kind == .truncated)
        }
    }
}
