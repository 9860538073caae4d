extension Run {
    /// What techniques cost over the whole run: means over the epochs in which times were taken.
    public var costs: [HookCost] {
        var sums: [HookCost] = []
        for record in history {
            for cost in record.costs {
                if let index = sums.firstIndex(where: { $0.technique == cost.technique && $0.hook == cost.hook }) {
                    let old = sums[index]
                    sums[index] = HookCost(
                        technique: old.technique, hook: old.hook, seconds: old.seconds + cost.seconds,
                        share: old.share.map { $0 + (cost.share ?? 0) })
                } else {
                    sums.append(cost)
                }
            }
        }
        return sums.map { sum in
            let count = Double(
                history.filter { $0.costs.contains { $0.technique == sum.technique && $0.hook == sum.hook } }.count)
            return HookCost(
                technique: sum.technique, hook: sum.hook, seconds: sum.seconds / count,
                share: sum.share.map { $0 / count })
        }
    }
}
