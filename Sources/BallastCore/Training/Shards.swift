internal import Tensors

extension Batch {
    /// The batch cut into runs of rows of nearly equal length; fewer than requested if it has fewer samples.
    func shards(_ count: Int) -> [Batch] {
        guard count > 1, self.count > 1 else { return [self] }
        let parts = min(count, self.count)
        return (0..<parts).map { rows($0 * self.count / parts..<($0 + 1) * self.count / parts) }
    }
}

/// Adds the gradients of shards by a fixed tree: neighbors first, so that the order does not depend on who computes them.
struct GradientSum {
    private struct Part {
        /// The number of shards in it is two to this power, but for what is left at the end.
        let level: Int
        var dense: [Tensor?]
        var folded: [Tape.FoldedGradient]
    }

    private let leafCount: Int
    private var parts: [Part] = []

    init(leafCount: Int) { self.leafCount = leafCount }

    /// Takes the gradients of the next shard from a tape, which is then ready for another one.
    mutating func add(_ tape: Tape) {
        parts.append(
            Part(
                level: 0, dense: (0..<leafCount).map(tape.takeGradient(ofLeaf:)),
                folded: (0..<leafCount).map(tape.foldedGradient(ofLeaf:))))
        tape.reset(leafCount: leafCount)
        while parts.count > 1, parts[parts.count - 1].level == parts[parts.count - 2].level { mergeLast() }
    }

    private mutating func mergeLast() {
        guard parts.count > 1 else { return }
        let last = parts.removeLast()
        let first = parts.removeLast()
        var merged = Part(level: first.level + 1, dense: first.dense, folded: first.folded)
        for index in 0..<leafCount {
            switch (first.dense[index], last.dense[index]) {
            case (let a?, let b?): merged.dense[index] = a + b
            case (nil, let b): merged.dense[index] = b
            default: break
            }
            merged.folded[index].weightDecay += last.folded[index].weightDecay
            merged.folded[index].l1 += last.folded[index].l1
        }
        parts.append(merged)
    }

    private mutating func total() -> Part? {
        while parts.count > 1 { mergeLast() }
        return parts.popLast()
    }

    /// Leaves the sum on a tape, as if one backward pass had computed it.
    mutating func put(on tape: Tape) {
        guard let total = total() else { return }
        for index in 0..<leafCount {
            if let dense = total.dense[index] { tape.accumulate(dense, into: Int32(index)) }
            tape.fold(total.folded[index], intoLeaf: index)
        }
    }

    /// The sum with everything folded in.
    mutating func values(_ parameters: ParameterValues) -> [Tensor] {
        guard let total = total() else { return [] }
        return (0..<leafCount).map { total.folded[$0].added(to: total.dense[$0], leaf: parameters.values[$0]) }
    }
}
