internal import CKernels
public import Tensors

/// One field of a data set, such as its images or its labels: as many items of one shape as there are samples.
///
/// Items keep the type in which they came; images stay bytes until their batch is made.
public struct Column: Sendable {
    enum Elements: Sendable {
        case bytes([UInt8], scale: Float, offset: Float)
        case floats([Float])
        case integers([Int32])
    }

    let elements: Elements
    /// The shape of one item.
    public let itemShape: Shape
    /// The number of items.
    public let count: Int

    private init(_ elements: Elements, _ elementCount: Int, _ itemShape: Shape) throws {
        let width = itemShape.elementCount
        guard width > 0, elementCount % width == 0 else {
            throw DataError(
                "\(elementCount) elements are not a whole number of items of shape \(itemShape); give the shape of one item, without the batch"
            )
        }
        self.elements = elements
        self.itemShape = itemShape
        count = elementCount / width
    }

    /// Creates a column of bytes that become `byte * scale + offset` when a batch is made.
    ///
    /// - Parameters:
    ///   - bytes: the items one after the other, row-major.
    ///   - itemShape: the shape of one item, such as `[1, 28, 28]`.
    ///   - scale: what a byte is multiplied by; by default bytes become 0...1.
    ///   - offset: what is added then.
    /// - Throws: ``DataError`` if the bytes are not a whole number of items.
    public init(bytes: [UInt8], itemShape: Shape, scale: Float = 1 / 255, offset: Float = 0) throws {
        try self.init(.bytes(bytes, scale: scale, offset: offset), bytes.count, itemShape)
    }

    /// Creates a column of numbers.
    ///
    /// - Parameters:
    ///   - floats: the items one after the other, row-major.
    ///   - itemShape: the shape of one item; `[]` for single numbers.
    /// - Throws: ``DataError`` if the numbers are not a whole number of items, or one is not finite.
    public init(floats: [Float], itemShape: Shape) throws {
        try self.init(.floats(floats), floats.count, itemShape)
        let isFinite = floats.withUnsafeBufferPointer {
            $0.baseAddress.map { ballast_all_finite(floats.count, $0) } ?? true
        }
        if !isFinite, let index = floats.firstIndex(where: { !$0.isFinite }) {
            let width = itemShape.elementCount
            throw DataError(
                "sample \(index / width) holds \(floats[index]) at element \(index % width); remove or replace values that are not finite"
            )
        }
    }

    /// Creates a column of class labels (items are scalars) or tokens.
    ///
    /// - Parameters:
    ///   - integers: the items one after the other, row-major.
    ///   - itemShape: the shape of one item; `[]` for labels.
    /// - Throws: ``DataError`` if the integers are not a whole number of items.
    public init(integers: [Int32], itemShape: Shape = []) throws {
        try self.init(.integers(integers), integers.count, itemShape)
    }

    /// The smallest and the greatest integer; nil if the items are not integers, or there is none.
    var integerRange: ClosedRange<Int32>? {
        guard case .integers(let values) = elements, let low = values.min(), let high = values.max() else { return nil }
        return low...high
    }

    /// The smallest and the greatest integer of some items; nil if the items are not integers, or there is none.
    func integerRange(at positions: [Int32]) -> ClosedRange<Int32>? {
        guard case .integers(let values) = elements, !positions.isEmpty else { return nil }
        let width = itemShape.elementCount
        var (low, high) = (Int32.max, Int32.min)
        for position in positions {
            for index in Int(position) * width..<(Int(position) + 1) * width {
                low = min(low, values[index])
                high = max(high, values[index])
            }
        }
        return low...high
    }

    /// The first integer of some items that is negative or not below a limit; nil if there is none.
    func firstInteger(of positions: [Int32], notBelow limit: Int) -> (item: Int, element: Int, value: Int32)? {
        guard case .integers(let values) = elements else { return nil }
        let width = itemShape.elementCount
        for (item, position) in positions.enumerated() {
            for element in 0..<width {
                let value = values[Int(position) * width + element]
                if value < 0 || Int(value) >= limit { return (item, element, value) }
            }
        }
        return nil
    }

    /// The first number of some items outside of a range; nil if there is none.
    func firstFloat(of positions: [Int32], outside range: ClosedRange<Float>) -> (item: Int, value: Float)? {
        guard case .floats(let values) = elements else { return nil }
        let width = itemShape.elementCount
        for (item, position) in positions.enumerated() {
            let start = Int(position) * width
            if let value = values[start..<start + width].first(where: { !range.contains($0) }) { return (item, value) }
        }
        return nil
    }

    /// The first item whose rows of probabilities do not sum to 1; nil if there is none.
    func firstSumOtherThanOne(of positions: [Int32]) -> (item: Int, sum: Float)? {
        guard case .floats(let values) = elements, let classes = itemShape.last, classes > 0 else { return nil }
        let width = itemShape.elementCount
        for (item, position) in positions.enumerated() {
            let start = Int(position) * width
            for row in stride(from: start, to: start + width, by: classes) {
                let sum = values[row..<row + classes].reduce(0, +)
                if abs(sum - 1) > 1e-3 { return (item, sum) }
            }
        }
        return nil
    }

    /// The items of given positions, as one tensor `[positions, ...]`.
    package func gather(_ positions: UnsafeBufferPointer<Int32>) -> Tensor {
        let shape = Shape(positions.count, of: itemShape)
        let width = itemShape.elementCount
        switch elements {
        case .bytes(let bytes, let scale, let offset):
            let batch = Tensor(uninitialized: shape)
            if let base = positions.baseAddress {
                bytes.withUnsafeBufferPointer { source in
                    guard let source = source.baseAddress else { return }
                    ballast_gather_bytes(positions.count, width, source, base, scale, offset, batch.storage.floats)
                }
            }
            return batch
        case .floats(let floats):
            let batch = Tensor(uninitialized: shape)
            if let base = positions.baseAddress {
                floats.withUnsafeBufferPointer { source in
                    guard let source = source.baseAddress else { return }
                    ballast_gather(positions.count, width, source, base, batch.storage.floats)
                }
            }
            return batch
        case .integers(let integers):
            let batch = Tensor(uninitialized: shape, scalarType: .int32)
            let target = batch.storage.integers
            for (row, position) in positions.enumerated() {
                for element in 0..<width { target[row * width + element] = integers[Int(position) * width + element] }
            }
            return batch
        }
    }
}

/// What is wrong with data, where, and what to do about it.
public struct DataError: Error, CustomStringConvertible, Equatable {
    /// The explanation.
    public let description: String

    /// Creates an error.
    public init(_ description: String) { self.description = description }
}
