internal import CKernels
internal import Synchronization

/// The place of a tensor in a differentiated computation.
///
/// It knows its tape by a plain pointer, so that tensors need not count references: tapes are never freed.
package struct TapeNode {
    /// What a tape shows to the tensors on it.
    struct Header {
        var generation: UInt32
        unowned(unsafe) let tape: Tape
    }

    /// Nil if no gradient flows to the tensor.
    let header: UnsafeMutablePointer<Header>?
    /// Index and generation in one word.
    private let place: UInt64

    @inline(__always)
    init(_ header: UnsafeMutablePointer<Header>?, index: Int32, generation: UInt32) {
        self.header = header
        place = UInt64(generation) << 32 | UInt64(UInt32(bitPattern: index))
    }

    @inline(__always)
    var index: Int32 { Int32(truncatingIfNeeded: place) }

    /// The tape's header if its computation is still the one that the tensor belongs to, else nil.
    @inline(__always)
    var current: UnsafeMutablePointer<Header>? {
        guard let header, header.pointee.generation == UInt32(truncatingIfNeeded: place >> 32) else { return nil }
        return header
    }

    /// The place of a constant.
    @inline(__always)
    package static var none: TapeNode { TapeNode(nil, index: 0, generation: 0) }
}

/// The record of one differentiated computation, read backwards to get its gradients.
///
/// A tape belongs to one pass of one run, on one thread. Its first records are leaves (the parameters, in the order
/// of the run's variables); each operation on a tracked tensor adds one. Its memory is reused from step to step, and
/// from user to user: tapes are borrowed with ``take()`` and handed back with ``giveBack()``. A tensor of a computation
/// that is over is recognized by its generation, and counts as a constant.
package final class Tape: @unchecked Sendable {
    /// All tapes there are, so that none is ever freed, and those that nobody uses. A tape itself is used by one
    /// thread at a time.
    private struct Pool {
        var all: [Tape] = []
        var free: [Tape] = []
    }
    private static let pool = Mutex(Pool())

    /// Given the gradient of an operation's output, adds to the gradients of its inputs.
    ///
    /// Such a closure captures inputs as ``Tensor/detached`` tensors and as node indices (``index(of:)``), never as
    /// tracked tensors: the tape is handed in.
    package typealias Backward = (_ gradient: Tensor, _ tape: Tape) -> Void

    private struct Record {
        var gradient: Tensor?
        var backward: Backward?
        var owner: Int32
    }

    /// The records in use come first; the others wait, empty, for the next computation.
    private var records: ContiguousArray<Record> = []
    /// The number of records, leaves included.
    package private(set) var count = 0
    package private(set) var leafCount = 0
    private var foldedTerms: ContiguousArray<FoldedTerms> = []
    private var header: UnsafeMutablePointer<TapeNode.Header>?
    /// The gradient of what the way back begins with.
    private let one = Tensor(1)

    /// Whom the operations that are recorded now belong to, in the accounts of costs; -1 for nobody.
    private var owner: Int32 = -1
    /// Where the time goes that the way back spends in operations of an owner; nil to take no times.
    package var meter: ((_ owner: Int32, _ time: Duration) -> Void)?

    package func enter(owner: Int32) -> Int32 {
        defer { self.owner = owner }
        return self.owner
    }

    package func leave(to owner: Int32) { self.owner = owner }

    /// What a leaf's gradient holds besides its dense part: `own * leaf + sign * sgn(leaf)`. Nobody works it out in
    /// memory: the pass that updates the leaf folds it in.
    package struct FoldedTerms: Equatable {
        package var own: Float = 0
        package var sign: Float = 0

        package init(own: Float = 0, sign: Float = 0) {
            self.own = own
            self.sign = sign
        }

        package var isZero: Bool { own == 0 && sign == 0 }

        /// The terms worked out, added to the dense part.
        package func added(to dense: Tensor?, leaf: Tensor) -> Tensor {
            var sum = dense ?? Tensor.zeros(leaf.shape)
            let leaf = leaf.detached
            if own != 0 { sum += leaf * own }
            if sign != 0 { sum += leaf.sign() * sign }
            return sum
        }
    }

    private init() {
        header = .allocate(capacity: 1)
        header?.initialize(to: TapeNode.Header(generation: 0, tape: self))
    }

    /// Borrows a tape, empty.
    package static func take() -> Tape {
        pool.withLock { pool in
            if let tape = pool.free.popLast() { return tape }
            let tape = Tape()
            pool.all.append(tape)
            return tape
        }
    }

    /// Hands the tape back, whose tensors are constants from now on.
    package func giveBack() {
        reset()
        meter = nil
        owner = -1
        Tape.pool.withLock { $0.free.append(self) }
    }

    /// Forgets everything, and starts anew with leaves of indices `0..<leafCount`.
    package func reset(leafCount: Int = 0) {
        header?.pointee.generation &+= 1
        for index in 0..<count {
            if records[index].gradient != nil { records[index].gradient = nil }
            if records[index].backward != nil { records[index].backward = nil }
        }
        if self.leafCount != leafCount {
            self.leafCount = leafCount
            foldedTerms = ContiguousArray(repeating: FoldedTerms(), count: leafCount)
            while records.count < leafCount { records.append(Record(gradient: nil, backward: nil, owner: -1)) }
        } else {
            for index in 0..<leafCount { foldedTerms[index] = FoldedTerms() }
        }
        count = leafCount
    }

    @inline(__always)
    private func node(_ index: Int) -> TapeNode {
        TapeNode(
            header, index: Int32(truncatingIfNeeded: index), generation: header.unsafelyUnwrapped.pointee.generation)
    }

    /// The given values as the leaf of an index.
    @inline(__always)
    package func leaf(_ index: Int, _ values: consuming Tensor) -> Tensor {
        values.node = node(index)
        return values
    }

    /// The tape of the first tensor that is tracked, if any.
    @inline(__always)
    package static func of(_ a: Tensor) -> Tape? { a.node.current?.pointee.tape }

    @inline(__always)
    package static func of(_ a: Tensor, _ b: Tensor) -> Tape? { joined(a.node.current, b.node.current)?.pointee.tape }

    @inline(__always)
    package static func of(_ a: Tensor, _ b: Tensor, _ c: Tensor?) -> Tape? {
        joined(joined(a.node.current, b.node.current), c?.node.current)?.pointee.tape
    }

    package static func of(_ tensors: [Tensor]) -> Tape? {
        tensors.reduce(nil) { joined($0, $1.node.current) }?.pointee.tape
    }

    /// The one tape of two operands. A gradient cannot flow back on two at once, so they must not meet.
    @inline(__always)
    private static func joined(
        _ a: UnsafeMutablePointer<TapeNode.Header>?, _ b: UnsafeMutablePointer<TapeNode.Header>?
    ) -> UnsafeMutablePointer<TapeNode.Header>? {
        guard let a else { return b }
        guard b == nil || b == a else {
            fail(
                "gradient",
                "tensors of two differentiated computations meet; use the outer one's as `detached` in the inner one")
        }
        return a
    }

    /// The index of a tensor on this tape; nil if no gradient flows to it.
    @inline(__always)
    package func index(of tensor: Tensor) -> Int32? {
        guard let current = tensor.node.current, current == header else { return nil }
        return tensor.node.index
    }

    /// Records an operation and returns its output as tracked.
    @inline(__always)
    package func record(_ name: StaticString, _ output: consuming Tensor, _ backward: @escaping Backward) -> Tensor {
        let index = count
        if index < records.count {
            records[index].backward = backward
            records[index].owner = owner
        } else {
            records.append(Record(gradient: nil, backward: backward, owner: owner))
        }
        count = index + 1
        output.node = node(index)
        return output
    }

    // MARK: Gradients

    /// Adds a gradient to that of a node.
    package func accumulate(_ gradient: Tensor, into index: Int32?) {
        guard let index else { return }
        if records[Int(index)].gradient == nil {
            records[Int(index)].gradient = gradient
        } else {
            accumulate(into: index, shape: gradient.shape) { pointer, accumulate in
                ballast_affine(gradient.elementCount, gradient.storage.floats, 1, 0, accumulate, pointer)
            }
        }
    }

    /// Lets a kernel write to (`accumulate` false) or add to (true) the gradient of a node.
    @inline(__always)
    package func accumulate(
        into index: Int32?, shape: Shape, _ body: (_ pointer: UnsafeMutablePointer<Float>, _ accumulate: Bool) -> Void
    ) {
        let (pointer, accumulate) = openGradient(of: index, shape: shape)
        if let pointer { body(pointer, accumulate) }
    }

    /// The memory of a node's gradient for a kernel to write to (`accumulate` false) or add to (true) right away;
    /// nil where no gradient is wanted.
    @inline(__always)
    package func openGradient(
        of index: Int32?, shape: Shape
    ) -> (pointer: UnsafeMutablePointer<Float>?, accumulate: Bool) {
        guard let index = index.map(Int.init) else { return (nil, false) }
        let accumulate = records[index].gradient != nil
        var gradient = records[index].gradient.take() ?? Tensor(uninitialized: shape)
        if accumulate { gradient.makeUnique() }
        records[index].gradient = gradient
        return (gradient.storage.floats, accumulate)
    }

    /// Adds `own * leaf + sign * sgn(leaf)` to the gradient of a leaf without touching memory.
    @inline(__always)
    package func fold(_ terms: FoldedTerms, intoLeaf index: Int) {
        foldedTerms[index].own += terms.own
        foldedTerms[index].sign += terms.sign
    }

    /// Whether an index stands for a leaf of ``reset(leafCount:)``.
    @inline(__always)
    package func isLeaf(_ index: Int32) -> Bool { Int(index) < leafCount }

    /// Makes a scalar one of those that ``backward()`` goes back from, with the gradient 1.
    package func seed(_ output: Tensor) {
        guard output.elementCount == 1 else {
            fail("gradient", "needs a scalar, not a tensor of shape \(output.shape)")
        }
        guard let index = index(of: output) else { return }
        accumulate(output.rank == 0 ? one : Tensor.ones(output.shape), into: index)
    }

    /// Goes back from the seeds to the leaves.
    ///
    /// Values saved for the way back are let go as soon as they have been used.
    package func backward() {
        var index = count - 1
        while index >= leafCount {
            let backward = records[index].backward.take()
            if let gradient = records[index].gradient.take() {
                if let meter, records[index].owner >= 0 {
                    let start = ContinuousClock.now
                    backward?(gradient, self)
                    meter(records[index].owner, ContinuousClock.now - start)
                } else {
                    backward?(gradient, self)
                }
            }
            index -= 1
        }
    }

    /// Takes the dense part of a leaf's gradient; nil: zero.
    package func takeGradient(ofLeaf index: Int) -> Tensor? { records[index].gradient.take() }

    /// The memory of the dense part of a leaf's gradient, which stays the tape's.
    @inline(__always)
    package func gradientMemory(ofLeaf index: Int, shape: Shape) -> UnsafeMutablePointer<Float> {
        if let gradient = records[index].gradient { return gradient.storage.floats }
        let zeros = Tensor.zeros(shape)
        records[index].gradient = zeros
        return zeros.storage.floats
    }

    /// What belongs to a leaf's gradient besides its dense part.
    @inline(__always)
    package func foldedTerms(ofLeaf index: Int) -> FoldedTerms { foldedTerms[index] }
}
