internal import CKernels

/// The compiled kernels behind all tensors: their threads and their instruction set.
///
/// Any number of threads gives the same bits. `BALLAST_THREADS` and `BALLAST_KERNELS` in the environment set the defaults.
/// A value that is wrong has no effect: a program that does not read ``environmentError`` gets it as one line on standard
/// error when it first uses a kernel.
public enum Kernels {
    /// The number of threads that operations called from this thread use, itself included. Each thread sets its own.
    ///
    /// Default: that of the ``withThreads(_:polling:_:)`` around the call; else `BALLAST_THREADS`; else every processor
    /// that the process's affinity and the CPU quota of its container allow.
    ///
    /// Threads that set only this number share one pool, which serves one caller at a time: an operation that finds it
    /// occupied runs on its own thread alone. For several trainings side by side, use ``withThreads(_:polling:_:)``.
    ///
    /// - Precondition: a new value is in `1...64`.
    public static var threadCount: Int {
        get { Int(ballast_thread_count()) }
        set {
            require((1...64).contains(newValue), "Kernels: threadCount must be in 1...64 but is \(newValue)")
            ballast_set_thread_count(Int32(newValue))
        }
    }

    /// Runs `body` with threads of its own, which no other caller uses, and ends them afterwards.
    ///
    /// For several trainings side by side: each gets the threads that it was promised. Results have the same bits as
    /// without.
    ///
    /// ```swift
    /// Thread.detachNewThread {
    ///     Kernels.withThreads(4) { trainOneModel() }
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - count: the number of threads that operations in `body` use, the calling thread included. The others start with
    ///     the first operation that is shared among threads.
    ///   - polling: how long a thread without work polls for more before it sleeps. Waking a thread takes some ten
    ///     microseconds; polling takes a processor. Threads do not poll while another caller's threads are at work, nor if
    ///     there are more of them than processors.
    ///   - body: what to run, on the calling thread.
    /// - Returns: what `body` returns.
    /// - Throws: what `body` throws.
    /// - Precondition: `count` is in `1...64`, and `polling` in zero to one second.
    public static func withThreads<Result, Failure>(
        _ count: Int, polling: Duration = .microseconds(200), _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        require((1...64).contains(count), "Kernels: withThreads needs 1...64 threads, not \(count)")
        require(
            (.zero ... .seconds(1)).contains(polling),
            "Kernels: withThreads needs a polling time of zero to one second, not \(polling)")
        let pool = ballast_create_pool(Int32(count), Int32(polling / .microseconds(1)))
        let before = ballast_use_pool(pool)
        defer {
            ballast_restore_choice(before)
            ballast_release_pool(pool)
        }
        return try body()
    }

    /// The instruction set in use: `baseline`, `avx2` or `avx512`; the best that the processor has, or
    /// `BALLAST_KERNELS` of the environment.
    public static var instructionSet: String { String(cString: ballast_instruction_set()) }

    /// What is wrong with `BALLAST_KERNELS` or `BALLAST_THREADS` in the environment, with the fix; nil if nothing is.
    ///
    /// A program that reads this before its first operation reports the error itself: nothing is written to standard error.
    public static var environmentError: String? { ballast_environment_error().map { String(cString: $0) } }
}
