/// What techniques cost, per hook: the time of their calls and of their operations on the way back.
///
/// Times are taken on the first steps and then on every sixteenth, so that measuring costs next to nothing.
struct CostMeter {
    private var sums: ContiguousArray<Duration>
    private(set) var measuredSteps = 0
    private(set) var measuredTime = Duration.zero
    var isMeasuring = false

    init(count: Int) {
        sums = ContiguousArray(repeating: .zero, count: count * Hook.allCases.count)
    }

    static func measures(step: Int) -> Bool { step < 4 || step & 15 == 0 }

    mutating func add(_ time: Duration, technique: Int, hook: Hook) {
        add(time, owner: technique * Hook.allCases.count + hook.index)
    }

    mutating func add(_ time: Duration, owner: Int) { sums[owner] += time }

    mutating func endStep(_ time: Duration) {
        measuredSteps += 1
        measuredTime += time
        isMeasuring = false
    }

    /// The costs since the last call, and forgets them.
    mutating func take(_ techniques: [any Technique]) -> [HookCost] {
        guard measuredSteps > 0 || sums.contains(where: { $0 > .zero }) else { return [] }
        var costs: [HookCost] = []
        for (index, technique) in techniques.enumerated() {
            for hook in Hook.allCases {
                let sum = sums[index * Hook.allCases.count + hook.index]
                guard sum > .zero else { continue }
                let perStep = hook != .epochCallback
                costs.append(
                    HookCost(
                        technique: technique.name, hook: hook,
                        seconds: sum / .seconds(1) / Double(perStep ? max(measuredSteps, 1) : 1),
                        share: perStep && measuredTime > .zero ? sum / measuredTime : nil))
            }
        }
        for index in sums.indices { sums[index] = .zero }
        measuredSteps = 0
        measuredTime = .zero
        return costs
    }
}

/// What a technique costs at a hook.
public struct HookCost: Sendable, Codable, Hashable {
    /// The technique's name.
    public let technique: String
    /// The hook.
    public let hook: Hook
    /// The mean time of a step, its part of the way back included; for `epochCallback`, the time of the epoch's calls.
    public let seconds: Double
    /// The share of the step's time; nil for `epochCallback`.
    public let share: Double?
}
