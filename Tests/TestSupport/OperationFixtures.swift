package import Foundation
package import Tensors

/// What a reference implementation makes of operations: the content of a file that a script beside it wrote.
package struct OperationFixtures {
    /// One evaluation of an operation.
    package struct Sample: Decodable {
        private let inputs: [String]
        private let output: String
        private let gradients: [String?]
        /// Whether central differences make sense at the inputs.
        package let smooth: Bool

        package var inputTensors: [Tensor] { inputs.map(Tensor.init(fixture:)) }
        package var outputTensor: Tensor { Tensor(fixture: output) }
        /// The gradient of each input; nil where the reference has none.
        package var gradientTensors: [Tensor?] { gradients.map { $0.map(Tensor.init(fixture:)) } }
    }

    /// The samples of each operation, by its name.
    package let samples: [String: [Sample]]

    /// Reads a file of fixtures.
    package init(contentsOf file: URL) throws {
        samples = try JSONDecoder().decode([String: [Sample]].self, from: Data(contentsOf: file))
    }

    /// The gradient that arrives at the output of a sample, as the scripts have it.
    package static func cotangent(of shape: Shape) -> Tensor {
        Tensor((0..<shape.elementCount).map { (Float(37 * $0 % 64) - 31.5) / 32 }, shape: shape)
    }
}

extension Tensor {
    /// Creates a tensor from its text in a file of fixtures: type, shape and the elements' words in base64.
    package init(fixture text: String) {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        let shape = Shape(parts[1].split(separator: ",").compactMap { Int($0) })
        let bytes = [UInt8](Data(base64Encoded: String(parts[2])) ?? Data())
        let words = stride(from: 0, to: bytes.count, by: 4).map { start in
            bytes[start..<start + 4].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        }
        if parts[0] == "i" {
            self.init(integers: words.map { Int32(bitPattern: $0) }, shape: shape)
        } else {
            self.init(words.map { Float(bitPattern: $0) }, shape: shape)
        }
    }
}
