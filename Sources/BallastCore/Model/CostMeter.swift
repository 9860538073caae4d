internal import Tensors

/// Accounts for the time of a step: at each moment, exactly one account is charged.
///
/// Times are taken on some steps only, about one in sixteen, so that measuring costs next to nothing.
final class CostMeter {
    /// The account of everything that belongs to no technique.
    static let model: Int32 = -1

    private(set) var times: ContiguousArray<Duration>
    /// Whether any account was charged since the last reset.
    private(set) var hasTimes = false
    private var current = CostMeter.model
    private var since = ContinuousClock.now

    init(accounts: Int) { times = ContiguousArray(repeating: .zero, count: accounts) }

    /// Whether times are taken in a step: in the first ones, then in one of sixteen that follows no period of its own.
    static func measures(step: Int) -> Bool {
        step < 4 || (UInt64(truncatingIfNeeded: step) &* 0x9e37_79b9_7f4a_7c15) >> 60 == 0
    }

    /// Charges an account from now on, and returns the one that was charged until now.
    func charge(_ account: Int32) -> Int32 {
        let now = ContinuousClock.now
        add(now - since, to: current)
        since = now
        defer { current = account }
        return current
    }

    func add(_ time: Duration, to account: Int32) {
        guard account >= 0 else { return }
        times[Int(account)] += time
        hasTimes = true
    }

    func reset() {
        for index in times.indices { times[index] = .zero }
        hasTimes = false
    }

    /// Charges an account for a body, and for the backward pass of the operations recorded in it.
    @inline(__always)
    static func account<R>(_ account: Int32, in pass: Pass, _ body: () throws -> R) rethrows -> R {
        guard let costs = pass.record.costs else { return try body() }
        let outer = costs.charge(account)
        let outerTag = pass.tape?.tag
        pass.tape?.tag = account
        defer {
            _ = costs.charge(outer)
            if let outerTag { pass.tape?.tag = outerTag }
        }
        return try body()
    }
}
