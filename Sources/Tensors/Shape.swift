/// The sizes of a tensor along its dimensions, outermost first; a scalar has none.
///
/// Up to eight dimensions are held in place, so that making and comparing shapes allocates nothing.
public struct Shape: Hashable, Sendable {
    /// The greatest number of dimensions a tensor has.
    public static let maximumRank = 8

    // Two sizes in each word: the fewer fields a tensor has, the cheaper it is to copy.
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    private var storedRank: UInt8 = 0
    /// The number of elements: the product of all sizes, 1 for a scalar.
    public private(set) var elementCount = 1

    /// Creates the shape of a scalar.
    public init() {}

    /// Creates a shape from the sizes of its dimensions.
    ///
    /// - Precondition: at most eight dimensions, each in `0...Int32.max`.
    public init(_ dimensions: some Collection<Int>) {
        guard dimensions.count <= Shape.maximumRank else {
            fail("shape", "has \(dimensions.count) dimensions; at most \(Shape.maximumRank) are possible")
        }
        for dimension in dimensions { append(dimension) }
    }

    /// Creates the shape of a vector, without an array in between.
    package init(_ size: Int) { append(size) }

    /// Creates the shape of a matrix, without an array in between.
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
    public mutating func append(_ dimension: Int) {
        guard storedRank < Shape.maximumRank else {
            fail("shape", "\(self) already has \(Shape.maximumRank) dimensions, the most that are possible")
        }
        guard dimension >= 0, dimension <= Int(Int32.max) else {
            fail("shape", "a dimension must be in 0...\(Int32.max) but is \(dimension)")
        }
        setSize(Int(storedRank), dimension)
        storedRank += 1
        elementCount *= dimension
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
    public func appending(_ dimension: Int) -> Shape {
        var copy = self
        copy.append(dimension)
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
            guard index >= 0, index < Int(storedRank), newValue >= 0, newValue <= Int(Int32.max) else {
                fail("shape", "cannot set dimension \(index) of \(self) to \(newValue)")
            }
            setSize(index, newValue)
            elementCount = elementCount(in: 0..<rank)
        }
    }
}

extension Shape: ExpressibleByArrayLiteral, CustomStringConvertible {
    /// Creates a shape from the sizes of its dimensions.
    public init(arrayLiteral elements: Int...) { self.init(elements) }

    /// The sizes in brackets, such as `[128, 784]`.
    public var description: String { "[" + map(String.init).joined(separator: ", ") + "]" }
}
