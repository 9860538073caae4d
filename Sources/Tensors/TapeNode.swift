/// The place of a tensor in a differentiated computation.
///
/// It refers to its tape by a plain pointer, without reference counting: tapes are never freed.
package struct TapeNode {
    /// The part of a tape that its tensors read.
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

    /// The tape's header while the tensor's computation is in progress, else nil.
    @inline(__always)
    var current: UnsafeMutablePointer<Header>? {
        guard let header, header.pointee.generation == UInt32(truncatingIfNeeded: place >> 32) else { return nil }
        return header
    }

    /// The place of a constant.
    @inline(__always)
    package static var none: TapeNode { TapeNode(nil, index: 0, generation: 0) }
}
