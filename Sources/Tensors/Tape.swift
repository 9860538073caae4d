internal import Synchronization

/// The record of one differentiated computation, from which the backward pass computes its gradients.
///
/// A tape belongs to one pass of one run, on one thread. Its first records are leaves (the parameters, in the order
/// of the run's variables); each operation on a tracked tensor adds one. Its memory is reused from step to step, and
/// from user to user: tapes are borrowed with ``acquire()`` and returned with ``release()``. A tensor of a finished
/// computation is recognized by its generation and treated as a constant.
package final class Tape: @unchecked Sendable {
    /// All tapes, so that none is ever freed, and the unused ones. One thread at a time uses a tape.
    private struct Pool {
        var all: [Tape] = []
        var free: [Tape] = []
    }
    private static let pool = Mutex(Pool())

    /// Given the gradient of an operation's output, adds to the gradients of its inputs.
    ///
    /// Such a closure captures inputs as ``Tensor/detached`` tensors and as node indices (``index(of:)``), never as
    /// tracked tensors; the tape is a parameter.
    package typealias Backward = (_ gradient: Tensor, _ tape: Tape) -> Void

    struct Record {
        var gradient: Tensor?
        var backward: Backward?
        var tag: Int32
    }

    /// The records in use come first; the others are empty and reused by the next computation.
    var records: ContiguousArray<Record> = []
    /// The number of records, leaves included.
    package private(set) var count = 0
    package private(set) var leafCount = 0
    var foldedGradients: ContiguousArray<FoldedGradient> = []
    private var header: UnsafeMutablePointer<TapeNode.Header>?
    /// The gradient that the backward pass starts with.
    let one = Tensor(1)

    /// A number of the caller's choice that operations recorded from now on carry; -1 for none.
    package var tag: Int32 = -1
    /// Receives the time that the backward pass of each tagged operation takes; nil to measure nothing.
    package var backwardTimer: ((_ tag: Int32, _ time: Duration) -> Void)?

    private init() {
        header = .allocate(capacity: 1)
        header?.initialize(to: TapeNode.Header(generation: 0, tape: self))
    }

    /// Borrows a tape, empty.
    package static func acquire() -> Tape {
        pool.withLock { pool in
            if let tape = pool.free.popLast() { return tape }
            let tape = Tape()
            pool.all.append(tape)
            return tape
        }
    }

    /// Returns the tape, whose tensors are constants from now on.
    package func release() {
        reset()
        backwardTimer = nil
        tag = -1
        Tape.pool.withLock { $0.free.append(self) }
    }

    /// Removes all records, and starts a computation with leaves of indices `0..<leafCount`.
    package func reset(leafCount: Int = 0) {
        header?.pointee.generation &+= 1
        for index in 0..<count {
            if records[index].gradient != nil { records[index].gradient = nil }
            if records[index].backward != nil { records[index].backward = nil }
        }
        if self.leafCount != leafCount {
            self.leafCount = leafCount
            foldedGradients = ContiguousArray(repeating: FoldedGradient(), count: leafCount)
            while records.count < leafCount { records.append(Record(gradient: nil, backward: nil, tag: -1)) }
        } else {
            for index in 0..<leafCount { foldedGradients[index] = FoldedGradient() }
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

    /// The common tape of two operands: a gradient flows on one tape only.
    @inline(__always)
    private static func joined(
        _ a: UnsafeMutablePointer<TapeNode.Header>?, _ b: UnsafeMutablePointer<TapeNode.Header>?
    ) -> UnsafeMutablePointer<TapeNode.Header>? {
        guard let a else { return b }
        guard b == nil || b == a else {
            fail(
                "gradient",
                "tensors of two differentiated computations meet; use the `detached` values of the outer one's tensors "
                    + "in the inner one")
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
            records[index].tag = tag
        } else {
            records.append(Record(gradient: nil, backward: backward, tag: tag))
        }
        count = index + 1
        output.node = node(index)
        return output
    }
}
