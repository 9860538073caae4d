internal import Synchronization

/// A switch that ends runs from any thread: each at its next step or epoch, in good order.
public final class Cancellation: Sendable {
    private let state = Atomic<Int>(0)
    private let other: Cancellation?

    /// Creates a switch that is not thrown.
    public init() { other = nil }

    /// Creates a switch that is thrown when another one is, too.
    package init(following other: Cancellation?) { self.other = other }

    /// Ends runs after the step they are in.
    public func cancel() { state.store(2, ordering: .relaxed) }

    /// Ends runs after the epoch they are in.
    public func cancelAfterEpoch() {
        _ = state.compareExchange(expected: 0, desired: 1, ordering: .relaxed)
    }

    /// Whether runs are to end after their step.
    public var isCancelled: Bool { state.load(ordering: .relaxed) == 2 || other?.isCancelled == true }

    /// Whether runs are to end after their epoch, or sooner.
    public var isCancelledAfterEpoch: Bool {
        state.load(ordering: .relaxed) >= 1 || other?.isCancelledAfterEpoch == true
    }
}
