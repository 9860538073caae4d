public import Tensors

/// Samples to train on or to measure with: inputs, and the targets that belong to them.
///
/// A data set is a value; parts of it (``split(_:seed:)``, ``prefix(_:)``, ``subset(_:)``) share its memory.
public struct Dataset: Sendable {
    /// What enters the model.
    public let inputs: Column
    /// What it is to predict: class labels, probabilities or values.
    public let targets: Column
    /// The positions of the samples in the columns; nil for all in order.
    let positions: [Int32]?
    /// The smallest and greatest label, if the targets are labels.
    let labelRange: ClosedRange<Int32>?

    /// Creates a data set from its columns.
    ///
    /// - Parameters:
    ///   - inputs: what enters the model, an item for each sample.
    ///   - targets: what it is to predict: labels as integers that are scalars, probabilities or values as floats.
    /// - Throws: ``DataError`` if the columns differ in length or a label is negative.
    public init(inputs: Column, targets: Column) throws {
        guard inputs.count == targets.count else {
            throw DataError("there are \(inputs.count) inputs but \(targets.count) targets; each input needs one")
        }
        guard inputs.count <= Int(Int32.max) else {
            throw DataError("\(inputs.count) samples are more than \(Int32.max), the most there may be")
        }
        labelRange = targets.integerRange
        if let range = labelRange, range.lowerBound < 0, case .integers(let values) = targets.elements,
            let index = values.firstIndex(where: { $0 < 0 })
        {
            throw DataError(
                "label \(values[index]) of sample \(index / targets.itemShape.elementCount) is negative; labels count from 0"
            )
        }
        self.inputs = inputs
        self.targets = targets
        positions = nil
    }

    /// Creates a data set of numbers: as many rows of inputs as of targets.
    ///
    /// - Parameters:
    ///   - inputs: the inputs of each sample.
    ///   - targets: the values to predict of each sample.
    /// - Throws: ``DataError`` if the rows are not of one length, or the counts differ, or a number is not finite.
    public init(inputs: [[Float]], targets: [[Float]]) throws {
        try self.init(inputs: Dataset.column(inputs, "input"), targets: Dataset.column(targets, "target"))
    }

    /// Creates a data set of numbers with class labels.
    ///
    /// - Parameters:
    ///   - inputs: the inputs of each sample.
    ///   - labels: the class of each sample, from 0 on.
    /// - Throws: ``DataError`` if the rows are not of one length, or the counts differ, or a number is not finite.
    public init(inputs: [[Float]], labels: [Int32]) throws {
        try self.init(inputs: Dataset.column(inputs, "input"), targets: Column(integers: labels))
    }

    private static func column(_ rows: [[Float]], _ name: String) throws -> Column {
        let width = rows.first?.count ?? 1
        if let index = rows.firstIndex(where: { $0.count != width }) {
            throw DataError(
                "\(name) \(index) has \(rows[index].count) values, the first has \(width); all need the same number")
        }
        return try Column(floats: rows.flatMap { $0 }, itemShape: [width])
    }

    private init(_ whole: Dataset, positions: [Int32]) {
        inputs = whole.inputs
        targets = whole.targets
        labelRange = whole.targets.integerRange(at: positions)
        self.positions = positions
    }

    /// The number of samples.
    public var count: Int { positions?.count ?? inputs.count }

    /// The samples at some indices, in their order.
    public func subset(_ indices: some Sequence<Int>) -> Dataset {
        Dataset(
            self,
            positions: indices.map { index in
                require(index >= 0 && index < count, "subset: there is no sample \(index) among \(count)")
                return positions?[index] ?? Int32(index)
            })
    }

    /// The first samples, all if there are fewer.
    public func prefix(_ count: Int) -> Dataset { subset(0..<min(max(count, 0), self.count)) }

    /// Draws a part of the samples at random, and returns it and the others.
    ///
    /// - Parameters:
    ///   - share: the share of the first part, in `0...1`; its size is rounded to the nearest integer.
    ///   - seed: the same seed gives the same parts.
    public func split(_ share: Double, seed: UInt64 = 0) -> (first: Dataset, second: Dataset) {
        require((0...1).contains(share), "split: the share must be in 0...1 but is \(share)")
        let order = RandomStream(seed: seed, purpose: "split").permutation(count).map(Int.init)
        let size = Int((share * Double(count)).rounded())
        return (subset(order[..<size]), subset(order[size...]))
    }

    // MARK: Batches

    /// The order in which an epoch goes through the samples: a function of seed and epoch alone.
    package func order(seed: UInt64, epoch: Int) -> [Int32] {
        let order = RandomStream(seed: seed, purpose: "shuffle").at(UInt64(epoch)).permutation(count)
        guard let positions else { return order }
        return order.map { positions[Int($0)] }
    }

    /// The samples in their own order.
    var order: [Int32] { positions ?? (0..<Int32(inputs.count)).map { $0 } }

    /// The batches of an epoch in the order that a run with this seed goes through them; the last may be shorter.
    public func batches(ofSize size: Int, seed: UInt64, epoch: Int) -> some Sequence<Batch> {
        require(size > 0, "batches: the size must be positive but is \(size)")
        let order = order(seed: seed, epoch: epoch)
        return stride(from: 0, to: order.count, by: size).lazy.map { start in
            self.batch(order, start..<Swift.min(start + size, order.count))
        }
    }

    /// The batches in the samples' own order.
    public func batches(ofSize size: Int) -> some Sequence<Batch> {
        require(size > 0, "batches: the size must be positive but is \(size)")
        let order = order
        return stride(from: 0, to: order.count, by: size).lazy.map { start in
            self.batch(order, start..<Swift.min(start + size, order.count))
        }
    }

    @inline(__always)
    package func batch(_ order: [Int32], _ range: Range<Int>) -> Batch {
        let (input, target) = order.withUnsafeBufferPointer { order in
            let positions = UnsafeBufferPointer(rebasing: order[range])
            return (inputs.gather(positions), targets.gather(positions))
        }
        return Batch(input: input, target: target, order: order, range: range)
    }
}

/// What enters one step: inputs, their targets, and which samples they are.
public struct Batch {
    /// What copies share until one changes: a batch is handed to every technique of a step.
    private final class Content {
        var input: Tensor
        var target: Tensor
        let order: [Int32]
        let range: Range<Int>

        init(_ input: Tensor, _ target: Tensor, _ order: [Int32], _ range: Range<Int>) {
            self.input = input
            self.target = target
            self.order = order
            self.range = range
        }
    }

    private var content: Content

    /// The inputs, `[batch, ...]`.
    public var input: Tensor {
        get { content.input }
        set {
            makeUnique()
            content.input = newValue
        }
    }

    /// The targets: labels (Int32), probabilities or values, `[batch, ...]`.
    public var target: Tensor {
        get { content.target }
        set {
            makeUnique()
            content.target = newValue
        }
    }

    init(input: Tensor, target: Tensor, order: [Int32], range: Range<Int>) {
        content = Content(input, target, order, range)
    }

    private mutating func makeUnique() {
        guard !isKnownUniquelyReferenced(&content) else { return }
        content = Content(content.input, content.target, content.order, content.range)
    }

    /// Creates a batch of samples that belong to no data set.
    ///
    /// - Parameters:
    ///   - input: the inputs, `[batch, ...]`.
    ///   - target: the targets: labels `[batch]` (Int32), probabilities or values `[batch, ...]`.
    public init(input: Tensor, target: Tensor) {
        let count = input.shape.first ?? 1
        self.init(input: input, target: target, order: (0..<Int32(count)).map { $0 }, range: 0..<count)
    }

    /// The number of samples.
    public var count: Int { content.range.count }

    /// Some of the samples, in their order.
    func rows(_ rows: Range<Int>) -> Batch {
        let start = content.range.lowerBound
        return Batch(
            input: input.slice(axis: 0, rows), target: target.slice(axis: 0, rows), order: content.order,
            range: start + rows.lowerBound..<start + rows.upperBound)
    }

    /// The positions of the samples in their data set, by which augmentation draws.
    public var samples: ArraySlice<Int32> { content.order[content.range] }

    /// The targets as probabilities: labels become ones at their class. Values stay what they are.
    ///
    /// - Parameter classes: the number of classes.
    public func probabilities(classes: Int) -> Tensor {
        guard target.scalarType == .int32 else { return target }
        let labels = target.integers
        var scalars = [Float](repeating: 0, count: labels.count * classes)
        for (row, label) in labels.enumerated() {
            guard label >= 0, Int(label) < classes else {
                fail("probabilities", "label \(label) is not in 0..<\(classes)")
            }
            scalars[row * classes + Int(label)] = 1
        }
        return Tensor(scalars, shape: target.shape.appending(classes))
    }
}
