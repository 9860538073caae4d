/// The type of a tensor's elements.
public enum ScalarType: String, Sendable, Hashable {
    /// Single-precision numbers, for all arithmetic.
    case float32
    /// 32-bit integers, for class labels, tokens and indices.
    case int32
}

/// A dense, row-major array of numbers of any rank up to eight, with value semantics.
///
/// Elements are `Float` for all arithmetic, or `Int32` for class labels and tokens. Operations on
/// tensors of a differentiated computation are recorded for its backward pass; see ``valueWithGradients(at:of:)``.
/// Copies share memory until one of them is changed. A tensor of a computation in progress must not leave the thread of
/// the computation.
///
/// Operations are spelled by one rule:
/// - a function of one tensor is a method, and its other arguments only configure it: `x.relu()`, `x.sum(axes: [0])`,
///   `x.power(2)`, `x.softmax()`, `x.clamped(to: 0...1)`;
/// - a function of several tensors, or of a number and a tensor, in which none has the leading part is an operator or a
///   free function: `a + b`, `maximum(a, 0)`, `matmul(a, b)`, `concatenated([a, b])`;
/// - the computation of a layer or of a loss is a free function with the layer's or loss's name, as it takes parameters,
///   random numbers or targets: `linear(x, weight, bias)`, `dropout(x, probability: 0.5, from: stream)`,
///   `crossEntropy(logits, labels)`.
public struct Tensor {
    package var storage: Storage
    /// The sizes of the dimensions, outermost first.
    public let shape: Shape
    /// The type of the elements.
    public let scalarType: ScalarType
    /// The tensor's place in a differentiated computation.
    package var node: TapeNode

    @inline(__always)
    package init(storage: Storage, shape: Shape, scalarType: ScalarType = .float32, node: TapeNode = .none) {
        self.storage = storage
        self.shape = shape
        self.scalarType = scalarType
        self.node = node
    }

    /// A tensor of floats with undefined content, for a kernel to fill.
    @inline(__always)
    package init(uninitialized shape: Shape, scalarType: ScalarType = .float32) {
        self.init(storage: Storage(byteCount: shape.elementCount * 4), shape: shape, scalarType: scalarType)
    }

    /// Creates a tensor from its elements in row-major order.
    ///
    /// - Parameters:
    ///   - scalars: the elements.
    ///   - shape: the sizes of the dimensions, outermost first.
    /// - Precondition: as many scalars as `shape` has elements.
    public init(_ scalars: [Float], shape: Shape) {
        guard scalars.count == shape.elementCount else {
            fail("Tensor", "\(scalars.count) scalars do not fill the shape \(shape) of \(shape.elementCount)")
        }
        self.init(uninitialized: shape)
        scalars.withUnsafeBytes { storage.fill(from: $0) }
    }

    /// Creates a one-dimensional tensor.
    public init(_ scalars: [Float]) { self.init(scalars, shape: [scalars.count]) }

    /// Creates a matrix from its rows.
    ///
    /// - Parameter rows: the rows, of the same length. The shape is `[rows, columns]`, and `[0, 0]` without rows.
    /// - Precondition: all rows have the same length.
    public init(_ rows: some Collection<[Float]>) {
        let columns = rows.first?.count ?? 0
        for (index, row) in rows.enumerated() where row.count != columns {
            fail("Tensor", "row \(index) has \(row.count) scalars, but row 0 has \(columns): rows must be equally long")
        }
        self.init(Array(rows.joined()), shape: [rows.count, columns])
    }

    /// Creates a scalar.
    public init(_ value: Float) {
        self.init(uninitialized: Shape())
        storage.floats.pointee = value
    }

    /// Creates a tensor of class labels, tokens or indices.
    ///
    /// - Parameters:
    ///   - integers: the elements in row-major order.
    ///   - shape: the sizes of the dimensions, outermost first.
    /// - Precondition: as many integers as `shape` has elements.
    public init(integers: [Int32], shape: Shape) {
        guard integers.count == shape.elementCount else {
            fail("Tensor", "\(integers.count) integers do not fill the shape \(shape) of \(shape.elementCount)")
        }
        self.init(uninitialized: shape, scalarType: .int32)
        integers.withUnsafeBytes { storage.fill(from: $0) }
    }

    /// Creates a one-dimensional tensor of class labels, tokens or indices.
    public init(integers: [Int32]) { self.init(integers: integers, shape: [integers.count]) }

    /// The number of dimensions.
    public var rank: Int { shape.rank }

    /// The number of elements.
    public var elementCount: Int { shape.elementCount }

    /// Whether the tensor belongs to a differentiated computation, so that gradients flow through it.
    public var isTracked: Bool { node.current != nil }

    /// The same values, through which no gradient flows.
    public var detached: Tensor { Tensor(storage: storage, shape: shape, scalarType: scalarType) }

    /// The elements in row-major order.
    ///
    /// - Precondition: the elements are floats.
    public var scalars: [Float] {
        requireFloats("scalars")
        return Array(UnsafeBufferPointer(start: storage.floats, count: elementCount))
    }

    /// The elements in row-major order.
    ///
    /// - Precondition: the elements are integers.
    public var integers: [Int32] {
        requireIntegers("integers")
        return Array(UnsafeBufferPointer(start: storage.integers, count: elementCount))
    }

    /// The only element.
    ///
    /// - Precondition: the tensor has one element, a float.
    public var item: Float {
        requireFloats("item")
        guard elementCount == 1 else { fail("item", "needs a tensor of one element, not of shape \(shape)") }
        return storage.floats.pointee
    }

    /// Calls `body` with the elements.
    ///
    /// - Throws: any error of `body`.
    public func withUnsafeFloats<R, E>(_ body: (UnsafeBufferPointer<Float>) throws(E) -> R) throws(E) -> R {
        requireFloats("withUnsafeFloats")
        return try withExtendedLifetime(storage) { () throws(E) -> R in
            try body(UnsafeBufferPointer(start: storage.floats, count: elementCount))
        }
    }

    /// Calls `body` with the elements for writing; memory that other tensors share is copied first.
    ///
    /// The changed tensor belongs to no differentiated computation.
    ///
    /// - Throws: any error of `body`.
    public mutating func withUnsafeMutableFloats<R, E>(
        _ body: (UnsafeMutableBufferPointer<Float>) throws(E) -> R
    ) throws(E) -> R {
        requireFloats("withUnsafeMutableFloats")
        node = .none
        makeUnique()
        return try withExtendedLifetime(storage) { () throws(E) -> R in
            try body(UnsafeMutableBufferPointer(start: storage.floats, count: elementCount))
        }
    }

    /// Ensures that no other tensor shares the memory, so that it can be written.
    @inline(__always)
    package mutating func makeUnique() {
        if !isKnownUniquelyReferenced(&storage) { storage = storage.copy() }
    }

    @inline(__always)
    package func requireFloats(_ operation: StaticString) {
        guard scalarType == .float32 else {
            fail(operation, "needs floats, but the tensor of shape \(shape) holds integers (labels or tokens)")
        }
    }

    @inline(__always)
    package func requireIntegers(_ operation: StaticString) {
        guard scalarType == .int32 else {
            fail(operation, "needs integers (labels or tokens), but the tensor of shape \(shape) holds floats")
        }
    }
}
