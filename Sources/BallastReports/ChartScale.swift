internal import Foundation

/// Where values lie along an axis.
struct ChartScale {
    private let isLogarithmic: Bool
    /// The ends, as logarithms if it is logarithmic.
    private let (low, high): (Double, Double)

    /// Creates the scale of an axis.
    ///
    /// - Parameter trimming: whether the largest fiftieth of the values may be out of range, where it is far from the rest.
    init(_ axis: Chart.Axis, values: [Double], trimming: Bool) {
        isLogarithmic = axis.isLogarithmic
        let isLogarithmic = isLogarithmic
        func scaled(_ value: Double) -> Double { isLogarithmic ? log10(value) : value }
        if let range = axis.range {
            (low, high) = (scaled(range.lowerBound), scaled(range.upperBound))
            return
        }
        let sorted = values.filter { $0.isFinite && (!isLogarithmic || $0 > 0) }.map(scaled).sorted()
        guard let first = sorted.first, let last = sorted.last else {
            (low, high) = (0, 1)
            return
        }
        var top = last
        if trimming, !isLogarithmic {
            let most = sorted[(sorted.count - 1) * 49 / 50]
            if last - first > 2 * (most - first), most > first { top = first + 1.2 * (most - first) }
        }
        let span = top - first
        let margin = span > 0 ? (trimming ? span * 0.04 : 0) : max(abs(first) * 0.1, 0.5)
        (low, high) = (first - margin, top + margin)
    }

    /// Where a value lies, from 0 to 1 in range.
    func position(of value: Double) -> Double {
        let scaled = isLogarithmic ? (value > 0 ? log10(value) : low - 10 * (high - low)) : value
        return (scaled - low) / (high - low)
    }

    /// Round values in range.
    var ticks: [Double] {
        guard high > low else { return [] }
        if isLogarithmic {
            let decades = high - low
            let factors: [Double] = decades > 2.2 ? [1] : decades > 0.8 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9]
            let every = max(1, Int((decades / 6).rounded(.up)))
            return (Int(low.rounded(.down))...Int(high.rounded(.up))).filter { $0 % every == 0 }.flatMap { power in
                factors.map { $0 * pow(10, Double(power)) }
            }.filter { log10($0) >= low - 1e-9 && log10($0) <= high + 1e-9 }
        }
        let rough = (high - low) / 5
        let power = pow(10, log10(rough).rounded(.down))
        let step = ([1, 2, 5].map { $0 * power }.first { $0 >= rough }) ?? 10 * power
        let range =
            Int((low / step).rounded(.up))...max(Int((high / step).rounded(.down)), Int((low / step).rounded(.up)))
        return range.map { Double($0) * step }.filter { $0 >= low && $0 <= high }
    }
}
