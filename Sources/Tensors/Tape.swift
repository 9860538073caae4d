internal import CKernels
internal import Synchronization

/// The place of a tensor in a differentiated computation.
package struct TapeNode {
    /// Nil if no gradient flows to the tensor. Tapes are never freed, so that tensors need not count references to them.
    package unowned(unsafe) let tape: Tape?
    package let index: Int32
    package let generation: UInt32

    /// The place of a constant.
    @inline(__always)
    package static var none: TapeNode { TapeNode(tape: nil, index: 0, generation: 0) }
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

    private var records: ContiguousArray<Record> = []
    private var pieces: ContiguousArray<LeafTerm> = []
    package private(set) var generation: UInt32 = 0
    package private(set) var leafCount = 0

    /// Whom the operations that are recorded now belong to, in the accounts of costs; -1 for nobody.
    private var owner: Int32 = -1
    /// Where the time goes that the way back spends in operations of an owner; nil to take no times.
    package var meter: ((_ owner: Int32, _ time: Duration) -> Void)?

    package func enter(owner: Int32) -> Int32 {
        defer { self.owner = owner }
        return self.owner
    }

    package func leave(to owner: Int32) { self.owner = owner }

    /// What a leaf's gradient holds besides its dense part: `decay` times the leaf itself.
    private struct LeafTerm {
        var decay: Float = 0
    }

    private init() {}

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
        generation &+= 1
        records.removeAll(keepingCapacity: true)
        pieces.removeAll(keepingCapacity: true)
        for _ in 0..<leafCount {
            records.append(Record(gradient: nil, backward: nil, owner: -1))
            pieces.append(LeafTerm())
        }
        self.leafCount = leafCount
    }

    /// The given values as the leaf of an index.
    @inline(__always)
    package func leaf(_ index: Int, _ values: Tensor) -> Tensor {
        Tensor(
            storage: values.storage, shape: values.shape,
            node: TapeNode(tape: self, index: Int32(truncatingIfNeeded: index), generation: generation))
    }

    /// The tape of the first tensor that is tracked, if any.
    @inline(__always)
    package static func of(_ a: Tensor) -> Tape? {
        guard let tape = a.node.tape, tape.generation == a.node.generation else { return nil }
        return tape
    }

    @inline(__always)
    package static func of(_ a: Tensor, _ b: Tensor) -> Tape? { joined(of(a), of(b)) }

    @inline(__always)
    package static func of(_ a: Tensor, _ b: Tensor, _ c: Tensor?) -> Tape? {
        joined(joined(of(a), of(b)), c.flatMap { of($0) })
    }

    package static func of(_ tensors: [Tensor]) -> Tape? { tensors.reduce(nil) { joined($0, of($1)) } }

    /// The one tape of two operands. A gradient cannot flow back on two at once, so they must not meet.
    @inline(__always)
    private static func joined(_ a: Tape?, _ b: Tape?) -> Tape? {
        guard let a else { return b }
        guard b == nil || b === a else {
            fail(
                "gradient",
                "tensors of two differentiated computations meet; use the outer one's as `detached` in the inner one")
        }
        return a
    }

    /// The index of a tensor on this tape; nil if no gradient flows to it.
    @inline(__always)
    package func index(of tensor: Tensor) -> Int32? {
        guard tensor.node.tape === self, tensor.node.generation == generation else { return nil }
        return tensor.node.index
    }

    /// Records an operation and returns its output as tracked.
    @inline(__always)
    package func record(_ name: StaticString, _ output: Tensor, _ backward: @escaping Backward) -> Tensor {
        let index = Int32(truncatingIfNeeded: records.count)
        records.append(Record(gradient: nil, backward: backward, owner: owner))
        return Tensor(
            storage: output.storage, shape: output.shape,
            node: TapeNode(tape: self, index: index, generation: generation))
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

    /// Adds `scale * leaf` to the gradient of a leaf without touching memory: optimizers fold it in.
    @inline(__always)
    package func accumulateLeaf(_ index: Int32, scale: Float) {
        pieces[Int(index)].decay += scale
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
        accumulate(Tensor.ones(output.shape), into: index)
    }

    /// Goes back from the seeds to the leaves.
    ///
    /// Values saved for the way back are let go as soon as they have been used.
    package func backward() {
        var index = records.count - 1
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

    /// Takes the dense part of a leaf's gradient (nil: zero) and the factor of the leaf itself that belongs to it.
    @inline(__always)
    package func takeGradient(ofLeaf index: Int) -> (dense: Tensor?, decay: Float) {
        (records[index].gradient.take(), pieces[index].decay)
    }

    /// The number of records, leaves included.
    package var count: Int { records.count }
}
