import Ballast
import Foundation
import Tensors
import Testing

/// What PyTorch makes of layers, losses, optimizers and trainings: a file that `make_training_fixtures.py` wrote.
///
/// Its tensors are named `case|tensor`.
struct TrainingFixtures {
    private let cases: [String: [String: Tensor]]

    /// Reads the files with these names.
    init(_ names: String...) throws {
        var cases: [String: [String: Tensor]] = [:]
        for name in names {
            for (key, tensor) in try TensorFile.read(Self.url(name)) {
                let parts = key.split(separator: "|").map(String.init)
                cases[parts[0], default: [:]][parts.count > 1 ? parts[1] : ""] = tensor
            }
        }
        self.cases = cases
    }

    /// Where a file is.
    static func url(_ name: String) -> URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/Training/\(name).safetensors")
    }

    /// The names of all cases, in order.
    var names: [String] { cases.keys.sorted() }

    /// The tensors of a case.
    func tensors(_ name: String) throws -> [String: Tensor] { try #require(cases[name], "case \(name)") }

    /// One tensor of a case.
    func tensor(_ name: String, _ part: String = "") throws -> Tensor {
        try #require(cases[name]?[part], "case \(name), tensor \(part)")
    }
}

/// Requires that two tensors agree, and says where they do not.
func expectAgreement(
    _ value: Tensor?, _ expected: Tensor, within tolerance: Float = 1e-5, _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    guard let value else {
        Issue.record("\(what): there is none, expected shape \(expected.shape)", sourceLocation: sourceLocation)
        return
    }
    guard value.shape == expected.shape else {
        Issue.record(
            "\(what): the shape is \(value.shape), expected \(expected.shape)", sourceLocation: sourceLocation)
        return
    }
    let scale = max(expected.scalars.map(\.magnitude).max() ?? 0, .leastNormalMagnitude)
    let pairs = zip(value.scalars, expected.scalars).enumerated()
    let worst = pairs.max { ($0.element.0 - $0.element.1).magnitude < ($1.element.0 - $1.element.1).magnitude }
    guard let (index, (got, wanted)) = worst else { return }
    let isFinite = value.scalars.allSatisfy(\.isFinite)
    #expect(
        isFinite && (got - wanted).magnitude <= tolerance * scale,
        """
        \(what), shape \(expected.shape), element \(index): \(got), expected \(wanted) \
        (difference \((got - wanted).magnitude), tolerance \(tolerance * scale)\(isFinite ? "" : "; not all are finite"))
        """, sourceLocation: sourceLocation)
}
