internal import CKernels

/// The compiled kernels that all tensors of the process share: their threads and their instruction set.
///
/// Neither changes a result's dependence on anything else: any number of threads gives the same bits.
public enum Kernels {
    /// The number of threads that operations called from this thread use, itself included; by default every processor,
    /// or `BALLAST_THREADS` of the environment. Each thread sets its own.
    ///
    /// - Precondition: a new value is in `1...64`.
    public static var threadCount: Int {
        get { Int(ballast_thread_count()) }
        set {
            require((1...64).contains(newValue), "Kernels: threadCount must be in 1...64 but is \(newValue)")
            ballast_set_thread_count(Int32(newValue))
        }
    }

    /// The instruction set in use: `baseline`, `avx2` or `avx512`; the best that the processor has, or
    /// `BALLAST_KERNELS` of the environment.
    public static var instructionSet: String { String(cString: ballast_instruction_set()) }

    /// What is wrong with `BALLAST_KERNELS` or `BALLAST_THREADS` in the environment, with the cure; nil if nothing is.
    public static var environmentError: String? { ballast_environment_error().map { String(cString: $0) } }
}
