internal import CKernels

extension RandomStream {
    /// An independent stream for a part of this one's purpose: the same seed, purpose and index, and a number.
    ///
    /// A technique that needs more than one kind of draw for a sample or step takes each from its own branch, so that
    /// the number of draws of one kind does not change the others.
    public func branch(_ number: Int) -> RandomStream {
        let step = 0x9e37_79b9_7f4a_7c15 &* (UInt64(truncatingIfNeeded: number) &+ 1)
        return RandomStream(key: RandomStream.mix(key &+ step), index: index)
    }

    /// Fills memory with the stream's words, beginning at a position.
    public func fill(_ words: UnsafeMutableBufferPointer<UInt32>, from first: Int = 0) {
        require(first >= 0, "RandomStream: fill needs a position of at least 0, not \(first)")
        guard let base = words.baseAddress else { return }
        ballast_random_words(kernel, UInt64(first), words.count, base)
    }

    /// Fills memory with the numbers of ``Tensor/uniform(_:in:from:)``.
    public func fillUniform(_ numbers: UnsafeMutableBufferPointer<Float>, in range: Range<Float> = 0..<1) {
        guard let base = numbers.baseAddress else { return }
        ballast_random_uniform(kernel, numbers.count, range.lowerBound, range.upperBound, base)
    }

    /// Fills memory with the numbers of ``Tensor/normal(_:mean:deviation:from:)``.
    public func fillNormal(_ numbers: UnsafeMutableBufferPointer<Float>, mean: Float = 0, deviation: Float = 1) {
        guard let base = numbers.baseAddress else { return }
        ballast_random_normal(kernel, numbers.count, mean, deviation, base)
    }
}
