internal import CKernels

/// The gradients of a tape's nodes, and the backward pass that computes them.
extension Tape {
    /// The part of a leaf's gradient that is a function of the leaf itself: `weightDecay * leaf + l1 * sgn(leaf)`.
    ///
    /// It is deferred: only the two coefficients are stored, and the kernel that updates the leaf adds the terms.
    package struct FoldedGradient: Equatable {
        /// The coefficient of the leaf.
        package var weightDecay: Float = 0
        /// The coefficient of the leaf's sign.
        package var l1: Float = 0

        package init(weightDecay: Float = 0, l1: Float = 0) {
            self.weightDecay = weightDecay
            self.l1 = l1
        }

        /// The materialized terms, added to the dense part.
        package func added(to dense: Tensor?, leaf: Tensor) -> Tensor {
            var sum = dense ?? Tensor.zeros(leaf.shape)
            let leaf = leaf.detached
            if weightDecay != 0 { sum += leaf * weightDecay }
            if l1 != 0 { sum += leaf.sign() * l1 }
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

    /// The memory of a node's gradient for a kernel to write to (`accumulate` false) or add to (true) at once;
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

    /// Adds `weightDecay * leaf + l1 * sgn(leaf)` to the gradient of a leaf without touching memory.
    @inline(__always)
    package func fold(_ terms: FoldedGradient, intoLeaf index: Int) {
        foldedGradients[index].weightDecay += terms.weightDecay
        foldedGradients[index].l1 += terms.l1
    }

    /// Whether an index is that of a leaf of ``reset(leafCount:)``.
    @inline(__always)
    package func isLeaf(_ index: Int32) -> Bool { Int(index) < leafCount }

    /// Makes a scalar one of the outputs that ``backward()`` starts from, with the gradient 1.
    package func seed(_ output: Tensor) {
        guard output.elementCount == 1 else {
            fail("gradient", "needs a scalar, not a tensor of shape \(output.shape)")
        }
        guard let index = index(of: output) else { return }
        accumulate(output.rank == 0 ? one : Tensor.ones(output.shape), into: index)
    }

    /// Runs the backward pass, from the seeds to the leaves.
    ///
    /// Values saved for the backward pass are released as soon as they have been used.
    package func backward() {
        var index = count - 1
        while index >= leafCount {
            let backward = records[index].backward.take()
            if let gradient = records[index].gradient.take() {
                if let backwardTimer, records[index].tag >= 0 {
                    let start = ContinuousClock.now
                    backward?(gradient, self)
                    backwardTimer(records[index].tag, ContinuousClock.now - start)
                } else {
                    backward?(gradient, self)
                }
            }
            index -= 1
        }
    }

    /// Takes the dense part of a leaf's gradient; nil: zero.
    package func takeGradient(ofLeaf index: Int) -> Tensor? { records[index].gradient.take() }

    /// The memory of the dense part of a leaf's gradient, which the tape keeps.
    @inline(__always)
    package func gradientMemory(ofLeaf index: Int, shape: Shape) -> UnsafeMutablePointer<Float> {
        if let gradient = records[index].gradient { return gradient.storage.floats }
        let zeros = Tensor.zeros(shape)
        records[index].gradient = zeros
        return zeros.storage.floats
    }

    /// The deferred part of a leaf's gradient.
    @inline(__always)
    package func foldedGradient(ofLeaf index: Int) -> FoldedGradient { foldedGradients[index] }
}
