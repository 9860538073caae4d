import BallastPlugins
import Foundation

/// What runs show of an effect.
struct Observation {
    let effect: Effect
    /// The means over the seeds.
    let lower: Double
    let higher: Double
    /// In how many of the seeds it is so.
    let agreeing: Int
    let seeds: Int

    var shows: Bool { lower < higher }

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

    /// What shows of the effects of a sample; nothing of those whose compositions have not run.
    static func all(_ effects: [Effect], in results: [ComparedRun]) throws -> [Observation] {
        try effects.compactMap { try Observation($0, in: results) }
    }

    /// The verdict and its numbers: "shows: λ = 3 shrinks the weights (‖w‖₂ 0.36 under l2, 13.2 under none; one seed)".
    var description: String {
        let seeds = seeds == 1 ? "one seed" : "means over \(seeds) seeds, so in \(agreeing)"
        return "\(shows ? "shows" : "does not show"): \(effect.claim) (\(numbers); \(seeds))"
    }

    private var numbers: String {
        let (lower, higher) = (String(format: "%.4g", lower), String(format: "%.4g", higher))
        let (low, high) = (effect.lower, effect.higher)
        return low.composition == high.composition
            ? "\(low.measure.name) \(lower), \(high.measure.name) \(higher), under \(low.composition)"
            : "\(low.measure.name) \(lower) under \(low.composition), \(higher) under \(high.composition)"
    }

    /// The observation as an object of JSON.
    func fields(of sample: String) -> [(name: String, value: JSON)] {
        func side(_ side: Effect.Side, _ mean: Double) -> JSON {
            .object([
                ("measure", .text(side.measure.name)), ("composition", .text(side.composition)),
                ("mean", .number(mean)),
            ])
        }
        return [
            ("sample", .text(sample)), ("effect", .text(effect.claim)), ("shows", .truth(shows)),
            ("expected", .truth(effect.isExpected)), ("lower", side(effect.lower, lower)),
            ("higher", side(effect.higher, higher)), ("agreeing", .integer(UInt64(agreeing))),
            ("seeds", .integer(UInt64(seeds))),
        ]
    }
}
