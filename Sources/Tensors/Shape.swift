/// The sizes of a tensor along its dimensions, outermost first; a scalar has none.
///
/// Up to eight dimensions are held in place, so that making and comparing shapes allocates nothing.
public struct Shape: Hashable, Sendable {
    /// The greatest number of dimensions a tensor has.
    public static let maximumRank = 8

    private var sizes: (Int32, Int32, Int32, Int32, Int32, Int32, Int32, Int32) = (0, 0, 0, 0, 0, 0, 0, 0)
    private var storedRank: Int32 = 0
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
        guard storedRank < Int32(Shape.maximumRank) else {
            fail("shape", "\(self) already has \(Shape.maximumRank) dimensions, the most that are possible")
        }
        guard let size = Int32(exactly: dimension), size >= 0 else {
            fail("shape", "a dimension must be in 0...\(Int32.max) but is \(dimension)")
        }
        storedRank += 1
        elementCount *= dimension
        withUnsafeMutableBytes(of: &sizes) {
            $0.storeBytes(of: size, toByteOffset: (Int(storedRank) - 1) * 4, as: Int32.self)
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
        left.storedRank == right.storedRank
            && left.sizes.0 == right.sizes.0 && left.sizes.1 == right.sizes.1 && left.sizes.2 == right.sizes.2
            && left.sizes.3 == right.sizes.3 && left.sizes.4 == right.sizes.4 && left.sizes.5 == right.sizes.5
            && left.sizes.6 == right.sizes.6 && left.sizes.7 == right.sizes.7
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
            return withUnsafeBytes(of: sizes) { Int($0.load(fromByteOffset: index * 4, as: Int32.self)) }
        }
        set {
            guard index >= 0, index < Int(storedRank), let size = Int32(exactly: newValue), size >= 0 else {
                fail("shape", "cannot set dimension \(index) of \(self) to \(newValue)")
            }
            withUnsafeMutableBytes(of: &sizes) { $0.storeBytes(of: size, toByteOffset: index * 4, as: Int32.self) }
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
