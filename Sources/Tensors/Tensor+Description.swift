extension Tensor: CustomStringConvertible {
    /// The elements in nested brackets and the shape; tensors of more than 1000 elements are abbreviated.
    ///
    /// ```swift
    /// print(Tensor([1, 2, 3, 4], shape: [2, 2]))  // Tensor([[1, 2], [3, 4]], shape: [2, 2])
    /// ```
    public var description: String {
        let type = scalarType == .int32 ? ", int32" : ""
        let short = Printout(of: self, breaksLines: false).text
        let body = short.count <= 80 ? short : Printout(of: self, breaksLines: true).text
        return "Tensor(\(body), shape: \(shape)\(type))"
    }
}

/// The text of a tensor's elements.
private struct Printout {
    private(set) var text = ""
    private let shape: Shape
    private let breaksLines: Bool
    private let isSummarized: Bool
    private var entries: [Substring] = []

    /// Beyond this number of elements only the ends of each axis are shown.
    private static let limit = 1000
    /// The number of elements shown at each end.
    private static let edge = 3

    init(of tensor: Tensor, breaksLines: Bool) {
        shape = tensor.shape
        self.breaksLines = breaksLines
        isSummarized = tensor.elementCount > Printout.limit
        var positions: [Int] = []
        visit(axis: 0, offset: 0) { positions.append($0) }
        var words = Printout.words(of: tensor, at: positions)
        if breaksLines {
            let width = words.map(\.count).max() ?? 0
            words = words.map { String(repeating: " ", count: width - $0.count) + $0 }
        }
        var next = words.makeIterator()
        text = written(axis: 0) { next.next() ?? "" }
    }

    /// The shown positions along an axis; nil for the omitted ones.
    private func shown(_ axis: Int) -> [Int?] {
        let size = shape[axis]
        guard isSummarized, size > 2 * Printout.edge else { return Array(0..<size) }
        return Array(0..<Printout.edge) + [nil] + Array(size - Printout.edge..<size)
    }

    private func visit(axis: Int, offset: Int, _ body: (Int) -> Void) {
        guard axis < shape.rank else { return body(offset) }
        for position in shown(axis).compactMap({ $0 }) {
            visit(axis: axis + 1, offset: offset * shape[axis] + position, body)
        }
    }

    private func written(axis: Int, _ next: () -> String) -> String {
        guard axis < shape.rank else { return next() }
        let isInnermost = axis == shape.rank - 1
        let parts = shown(axis).map { $0 == nil ? "..." : written(axis: axis + 1, next) }
        // As in NumPy, rows start on new lines, and each further axis adds an empty line.
        let newline =
            String(repeating: "\n", count: shape.rank - 1 - axis)
            + String(repeating: " ", count: "Tensor(".count + axis + 1)
        return "[" + parts.joined(separator: breaksLines && !isInnermost ? "," + newline : ", ") + "]"
    }

    /// The words for some elements, in one notation.
    private static func words(of tensor: Tensor, at positions: [Int]) -> [String] {
        if tensor.scalarType == .int32 { return positions.map { String(tensor.storage.integers[$0]) } }
        let values = positions.map { tensor.storage.floats[$0] }
        let magnitudes = values.filter { $0.isFinite && $0 != 0 }.map(\.magnitude)
        let largest = magnitudes.max() ?? 0
        let smallest = magnitudes.min() ?? 1
        if largest < 1e7, values.allSatisfy({ !$0.isFinite || $0 == $0.rounded() }) {
            return values.map { $0.isFinite ? String(Int($0)) : String($0) }
        }
        // Four decimals where they distinguish the elements, else the shortest text that identifies each of them.
        return largest < 1e5 && smallest >= 1e-3 ? values.map(fixed) : values.map { String($0) }
    }

    private static func fixed(_ value: Float) -> String {
        guard value.isFinite else { return String(value) }
        let scaled = Int((Double(value.magnitude) * 10000).rounded())
        let decimals = String(scaled % 10000)
        return (value < 0 ? "-" : "") + "\(scaled / 10000)." + String(repeating: "0", count: 4 - decimals.count)
            + decimals
    }
}
