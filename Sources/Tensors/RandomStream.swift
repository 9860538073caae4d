package import CKernels

/// A stream of random numbers that has no state: each number is a function of (seed, purpose, index, position).
///
/// Two streams with different purposes or indices are independent; the same stream always gives the same numbers,
/// in any order and on any number of threads. The numbers are those of Philox4x32-10 (Salmon et al., "Parallel
/// Random Numbers: As Easy as 1, 2, 3", 2011), keyed by a mix of seed and purpose, with the index in the counter.
public struct RandomStream: Sendable, Hashable {
    package let key: UInt64
    package let index: UInt64

    package init(key: UInt64, index: UInt64) {
        self.key = key
        self.index = index
    }

    /// Creates the stream of a purpose, such as `"Dropout/relu1"`.
    ///
    /// - Parameters:
    ///   - seed: the seed; close seeds give streams as different as distant ones.
    ///   - purpose: the use of the numbers; streams of different purposes are independent.
    public init(seed: UInt64, purpose: String) {
        // FNV-1a over the purpose, then SplitMix64's finalizer over both, so that close seeds give distant keys.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in purpose.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        self.init(key: RandomStream.mix(hash ^ RandomStream.mix(seed &+ 0x9e37_79b9_7f4a_7c15)), index: 0)
    }

    static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// The stream of the same seed and purpose for another step, epoch or sample.
    public func at(_ index: UInt64) -> RandomStream { RandomStream(key: key, index: index) }

    /// The stream of the same seed and purpose for an epoch and a sample in it.
    public func at(epoch: Int, sample: Int) -> RandomStream {
        at(UInt64(truncatingIfNeeded: epoch) << 32 | UInt64(UInt32(truncatingIfNeeded: sample)))
    }

    /// Some words of the stream.
    ///
    /// - Parameters:
    ///   - count: the number of words; not negative.
    ///   - first: the position of the first one; not negative.
    public func words(_ count: Int, from first: Int = 0) -> [UInt32] {
        require(
            count >= 0 && first >= 0,
            "RandomStream: words needs a count and a position of at least 0, not \(count) and \(first)")
        return [UInt32](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let base = buffer.baseAddress { ballast_random_words(kernel, UInt64(first), count, base) }
            initialized = count
        }
    }

    /// The first numbers of the stream, uniform in `0..<1`, each of 24 bits.
    ///
    /// - Parameter count: the number of numbers; not negative.
    public func uniforms(_ count: Int) -> [Float] {
        words(count).map { Float($0 >> 8) * 0x1p-24 }
    }

    /// A permutation of `0..<count`, every order being equally likely (Fisher-Yates).
    ///
    /// - Parameter count: the number of elements, in `0...Int32.max`.
    public func permutation(_ count: Int) -> [Int32] {
        require(
            0...Int(Int32.max) ~= count, "RandomStream: permutation needs a count in 0...\(Int32.max), not \(count)")
        var order = [Int32](unsafeUninitializedCapacity: count) { buffer, initialized in
            for index in 0..<count { buffer[index] = Int32(truncatingIfNeeded: index) }
            initialized = count
        }
        guard count > 1 else { return order }
        let words = words(count - 1)
        order.withUnsafeMutableBufferPointer { order in
            for last in stride(from: count - 1, to: 0, by: -1) {
                // Multiply-shift into 0...last; its bias is below count / 2^32.
                let other = Int((UInt64(words[count - 1 - last]) &* UInt64(last + 1)) >> 32)
                order.swapAt(last, other)
            }
        }
        return order
    }

    package var kernel: ballast_stream { ballast_stream(key: key, index: index) }
}
