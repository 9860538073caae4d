import BallastPlugins
import Foundation

/// Whether runs show an effect, and with which numbers.
struct EffectResult {
    let effect: Effect
    /// The means over the seeds.
    let lower: Double
    let higher: Double
    /// The number of seeds in which it was observed.
    let agreeing: Int
    let seeds: Int

    /// Whether the means are in the order that the effect claims.
    var isObserved: Bool { lower < higher }

    /// Looks for an effect in results; nil without a seed that both compositions have run with to the end.
    init?(_ effect: Effect, in results: [ComparedRun]) throws {
        func values(_ side: Effect.Side) throws -> [UInt64: Double] {
            let mine = results.filter { $0.composition == side.composition && !$0.run.isCancelled }
            return Dictionary(uniqueKeysWithValues: try mine.map { ($0.seed, try side.measure.value($0)) })
        }
        let (low, high) = (try values(effect.lower), try values(effect.higher))
        let pairs = low.keys.sorted().compactMap { seed in high[seed].map { (low: low[seed] ?? .nan, high: $0) } }
        guard !pairs.isEmpty else { return nil }
        self.effect = effect
        lower = pairs.reduce(0) { $0 + $1.low } / Double(pairs.count)
        higher = pairs.reduce(0) { $0 + $1.high } / Double(pairs.count)
        agreeing = pairs.filter { $0.low < $0.high }.count
        seeds = pairs.count
    }

    /// The results of a sample's effects, except those whose compositions have not run.
    static func all(_ effects: [Effect], in results: [ComparedRun]) throws -> [EffectResult] {
        try effects.compactMap { try EffectResult($0, in: results) }
    }

    /// The result and its numbers: "observed: λ = 3 shrinks the weights (‖w‖₂ 0.36 with l2, 13.2 with none; one seed)".
    var description: String {
        let seeds = seeds == 1 ? "one seed" : "means of \(seeds) seeds, true for \(agreeing)"
        let verdict = isObserved ? "observed" : effect.isExpected ? "not observed" : "not observed (as expected)"
        return "\(verdict): \(effect.claim) (\(numbers); \(seeds))"
    }

    private var numbers: String {
        let (lower, higher) = (String(format: "%.4g", lower), String(format: "%.4g", higher))
        let (low, high) = (effect.lower, effect.higher)
        return low.composition == high.composition
            ? "\(low.measure.name) \(lower), \(high.measure.name) \(higher), with \(low.composition)"
            : "\(low.measure.name) \(lower) with \(low.composition), \(higher) with \(high.composition)"
    }

    /// The result as a JSON object.
    func fields(of sample: String) -> [(name: String, value: JSON)] {
        func side(_ side: Effect.Side, _ mean: Double) -> JSON {
            .object([
                ("measure", .text(side.measure.name)), ("composition", .text(side.composition)),
                ("mean", .number(mean)),
            ])
        }
        return [
            ("sample", .text(sample)), ("effect", .text(effect.claim)), ("observed", .truth(isObserved)),
            ("expected", .truth(effect.isExpected)), ("lower", side(effect.lower, lower)),
            ("higher", side(effect.higher, higher)), ("agreeing", .integer(UInt64(agreeing))),
            ("seeds", .integer(UInt64(seeds))),
        ]
    }
}
