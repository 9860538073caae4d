internal import CKernels

/// The memory of tensors: a block from the kernels' pool, returned when the last tensor releases it.
package final class Storage {
    package let bytes: UnsafeMutableRawPointer
    package let byteCount: Int

    package init(byteCount: Int) {
        self.byteCount = byteCount
        bytes = ballast_allocate(byteCount)
    }

    deinit { ballast_release(bytes, byteCount) }

    @inline(__always)
    package var floats: UnsafeMutablePointer<Float> { bytes.assumingMemoryBound(to: Float.self) }

    @inline(__always)
    package var integers: UnsafeMutablePointer<Int32> { bytes.assumingMemoryBound(to: Int32.self) }

    /// Overwrites the first bytes.
    package func fill(from source: UnsafeRawBufferPointer) {
        if let base = source.baseAddress { bytes.copyMemory(from: base, byteCount: source.count) }
    }

    package func copy() -> Storage {
        let new = Storage(byteCount: byteCount)
        new.bytes.copyMemory(from: bytes, byteCount: byteCount)
        return new
    }
}
