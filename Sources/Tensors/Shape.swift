/// The sizes of a tensor along its dimensions, outermost first; a scalar has none.
///
/// Up to eight dimensions are stored inline, so that creating and comparing shapes allocates nothing.
public struct Shape: Hashable, Sendable {
    /// The greatest number of dimensions a tensor has.
    public static let maximumRank = 8
    /// The greatest number of elements, 2^60: sizes in bytes and distances between elements fit into 64 bits.
    ///
    /// The limit holds for the product of all sizes that are not 0, so that it holds for parts of a shape too.
    public static let maximumElementCount = 1 << 60

    // Two sizes in each word: the fewer fields a tensor has, the cheaper it is to copy.
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    private var storedRank: UInt8 = 0
    /// The number of elements: the product of all sizes, 1 for a scalar.
    public private(set) var elementCount = 1

    /// Creates the shape of a scalar.
    public init() {}

    /// Creates a shape from the sizes of its dimensions.
    ///
    /// - Precondition: at most eight dimensions, each in `0...Int32.max`, and at most ``maximumElementCount`` elements.
    public init(_ dimensions: some Collection<Int>) { self.init(dimensions, for: "shape") }

    /// Creates the shape of an operation's result, whose name failures begin with.
    init(_ dimensions: some Collection<Int>, for operation: StaticString) {
        guard dimensions.count <= Shape.maximumRank else {
            fail(
                operation,
                "\(Array(dimensions)) has \(dimensions.count) dimensions; at most \(Shape.maximumRank) are possible")
        }
        storedRank = UInt8(dimensions.count)
        for (index, dimension) in dimensions.enumerated() {
            requireSize(dimension, of: "\(Array(dimensions))", for: operation)
            setSize(index, dimension)
        }
        elementCount = checkedElementCount(for: operation)
    }

    /// Creates the shape of a vector without an intermediate array.
    package init(_ size: Int) { append(size) }

    /// Creates the shape of a matrix without an intermediate array.
    package init(_ rows: Int, _ columns: Int) {
        append(rows)
        append(columns)
    }

    /// The shape of several items of one shape.
    package init(_ count: Int, of item: Shape) {
        append(count)
        for axis in 0..<item.rank { append(item[axis]) }
    }

    /// The number of dimensions.
    public var rank: Int { Int(storedRank) }

    /// The product of the sizes of some dimensions.
    public func elementCount(in dimensions: Range<Int>) -> Int {
        var product = 1
        for index in dimensions { product *= self[index] }
        return product
    }

    /// Adds an innermost dimension.
    ///
    /// - Precondition: the size is in `0...Int32.max`, and the shape stays within ``maximumRank`` and
    ///   ``maximumElementCount``.
    public mutating func append(_ dimension: Int) { append(dimension, for: "shape") }

    mutating func append(_ dimension: Int, for operation: StaticString) {
        guard storedRank < Shape.maximumRank else {
            fail(operation, "\(self) already has \(Shape.maximumRank) dimensions, the most that are possible")
        }
        requireSize(dimension, of: "\(self) and one more", for: operation)
        setSize(Int(storedRank), dimension)
        storedRank += 1
        // At most 2^60 times 2^31: the high word tells whether the product exceeds the limit by far.
        let (high, low) = elementCount.multipliedFullWidth(by: dimension)
        if low > 0, high == 0, low <= UInt(Shape.maximumElementCount) {
            elementCount = Int(low)
        } else {
            elementCount = checkedElementCount(for: operation)
        }
    }

    private func requireSize(
        _ dimension: Int, of dimensions: @autoclosure () -> String, for operation: StaticString
    ) {
        guard dimension >= 0, dimension <= Int(Int32.max) else {
            fail(operation, "a dimension must be in 0...\(Int32.max) but is \(dimension) (of \(dimensions()))")
        }
    }

    /// The product of all sizes, of which those that are not 0 must not exceed the limit.
    private func checkedElementCount(for operation: StaticString) -> Int {
        var (nonzero, isEmpty) = (1, false)
        for index in 0..<rank {
            if size(index) == 0 {
                isEmpty = true
            } else {
                let (high, low) = nonzero.multipliedFullWidth(by: size(index))
                guard high == 0, low <= UInt(Shape.maximumElementCount) else {
                    fail(operation, "the shape \(self) has more than 2^60 elements, the most that are possible")
                }
                nonzero = Int(low)
            }
        }
        return isEmpty ? 0 : nonzero
    }

    @inline(__always)
    private func size(_ index: Int) -> Int {
        let word = index < 4 ? (index < 2 ? words.0 : words.1) : (index < 6 ? words.2 : words.3)
        return Int((word >> (UInt64(index & 1) * 32)) & 0xffff_ffff)
    }

    @inline(__always)
    private mutating func setSize(_ index: Int, _ size: Int) {
        let shift = UInt64(index & 1) * 32
        func set(_ word: inout UInt64) { word = word & ~(0xffff_ffff << shift) | UInt64(size) << shift }
        switch index >> 1 {
        case 0: set(&words.0)
        case 1: set(&words.1)
        case 2: set(&words.2)
        default: set(&words.3)
        }
    }

    /// Returns the shape with another dimension added innermost.
    public func appending(_ dimension: Int) -> Shape { appending(dimension, for: "shape") }

    func appending(_ dimension: Int, for operation: StaticString) -> Shape {
        var copy = self
        copy.append(dimension, for: operation)
        return copy
    }

    /// The sizes as an array.
    public var dimensions: [Int] { Array(self) }

    /// Compares rank and sizes.
    public static func == (left: Shape, right: Shape) -> Bool {
        left.storedRank == right.storedRank && left.words == right.words
    }

    /// Feeds rank and sizes into a hasher.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(storedRank)
        for size in self { hasher.combine(size) }
    }
}

extension Shape: RandomAccessCollection, MutableCollection {
    /// The outermost dimension's index, 0.
    public var startIndex: Int { 0 }
    /// The number of dimensions.
    public var endIndex: Int { Int(storedRank) }

    /// The size of one dimension.
    public subscript(index: Int) -> Int {
        get {
            guard index >= 0, index < Int(storedRank) else {
                fail("shape", "dimension \(index) of \(self) does not exist; it has \(rank)")
            }
            return size(index)
        }
        set {
            set(index, to: newValue, for: "shape")
        }
    }

    /// Changes the size of one dimension.
    mutating func set(_ index: Int, to size: Int, for operation: StaticString) {
        guard index >= 0, index < Int(storedRank) else {
            fail(operation, "dimension \(index) of \(self) does not exist; it has \(rank)")
        }
        requireSize(size, of: "\(self), dimension \(index) changed", for: operation)
        setSize(index, size)
        elementCount = checkedElementCount(for: operation)
    }
}

extension Shape: ExpressibleByArrayLiteral, CustomStringConvertible {
    /// Creates a shape from the sizes of its dimensions.
    public init(arrayLiteral elements: Int...) { self.init(elements) }

    /// The sizes in brackets, such as `[128, 784]`.
    public var description: String { "[" + map(String.init).joined(separator: ", ") + "]" }
}
