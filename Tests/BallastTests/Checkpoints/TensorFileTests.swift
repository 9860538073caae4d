import Ballast
import Foundation
import Testing

@Suite struct TensorFileTests {
    @Test func `tensors come back by name`() throws {
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a")
            let (weight, steps) = (Tensor([1, -2, 3, 4], shape: [2, 2]), Tensor(integers: [7], shape: [1]))
            try TensorFile.write(["weight": weight, "steps": steps], to: url)
            let read = try TensorFile.read(url)
            #expect(read.count == 2)
            #expect(read["weight"]?.hasSameBits(as: weight) == true && read["steps"]?.hasSameBits(as: steps) == true)
        }
    }

    @Test func `a tensor with a flipped bit is not returned`() throws {
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a")
            try TensorFile.write(["weight": Tensor([1, 2], shape: [2])], to: url)
            var bytes = try Data(contentsOf: url)
            bytes[bytes.count - 1] ^= 0x10
            try bytes.write(to: url)
            #expect(dataFileError { try TensorFile.read(url) }?.kind == .checksum)
        }
    }

    @Test func `names that a dictionary takes for one, or takes minutes for, are refused`() throws {
        try FormatFixtures.withFolder { folder in
            let url = folder.appending(path: "a")
            let long = "a" + String(repeating: "\u{301}\u{323}", count: 250_000)
            for names in [["\u{E9}", "e\u{301}"], [long]] {
                try SafetensorsFile.write(names.map { .init($0, shape: [1], [1] as [Float]) }, to: url)
                #expect(throws: DataFileError.self) { try TensorFile.read(url) }
            }
            let one = Tensor([1], shape: [1])
            #expect(throws: DataFileError.self) { try TensorFile.write(["\u{E9}": one, "e\u{301}": one], to: url) }
            #expect(throws: DataFileError.self) { try TensorFile.write([long: one], to: url) }
            #expect(dataFileError { try TensorFile.write(["a": one, "a": one], to: url) }?.kind == .malformed)
        }
    }
}
