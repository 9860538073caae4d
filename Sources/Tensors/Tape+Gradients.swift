internal import CKernels

/// The gradients of a tape's nodes, and the way back to them.
extension Tape {
    /// What a leaf's gradient holds besides its dense part: `own * leaf + sign * sgn(leaf)`. Nobody works it out in
    /// memory: the pass that updates the leaf folds it in.
    package struct FoldedTerms: Equatable {
        package var own: Float = 0
        package var sign: Float = 0

        package init(own: Float = 0, sign: Float = 0) {
            self.own = own
            self.sign = sign
        }

        /// The terms worked out, added to the dense part.
        package func added(to dense: Tensor?, leaf: Tensor) -> Tensor {
            var sum = dense ?? Tensor.zeros(leaf.shape)
            let leaf = leaf.detached
            if own != 0 { sum += leaf * own }
            if sign != 0 { sum += leaf.sign() * sign }
            return sum
        }
    }

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
