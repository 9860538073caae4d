internal import Foundation

/// How the learning rate changes while training: a factor for the optimizer's, by step.
public struct Schedule: Sendable {
    let isConstant: Bool
    /// The factor at a step of all `total` steps (at least 1), of which an epoch has `perEpoch`.
    let factor: @Sendable (_ step: Int, _ perEpoch: Int, _ total: Int) -> Double

    /// Creates your own schedule.
    ///
    /// - Parameter factor: the factor for the update of index `step`, of `total` in all, of which an epoch has `perEpoch`;
    ///   one that is negative or not finite ends the run with an error.
    public init(_ factor: @escaping @Sendable (_ step: Int, _ perEpoch: Int, _ total: Int) -> Double) {
        isConstant = false
        self.factor = factor
    }

    private init(constant: Void) {
        isConstant = true
        factor = { _, _, _ in 1 }
    }

    /// The optimizer's learning rate throughout.
    public static let constant = Schedule(constant: ())

    /// Multiplied by `factor` after every `epochs` epochs.
    ///
    /// - Parameters:
    ///   - epochs: the number of epochs between two changes; positive.
    ///   - factor: what the learning rate is multiplied by.
    public static func step(every epochs: Int, by factor: Double) -> Schedule {
        require(epochs > 0, "step: the number of epochs must be positive but is \(epochs)")
        require(factor >= 0 && factor.isFinite, "step: the factor must be finite and not negative but is \(factor)")
        return Schedule { step, perEpoch, _ in pow(factor, Double(step / max(perEpoch, 1) / epochs)) }
    }

    /// Half a cosine from 1 down to `final` over the whole run (Loshchilov & Hutter, 2017).
    ///
    /// - Parameter final: the factor at the end; finite and not negative.
    public static func cosine(final: Double = 0) -> Schedule {
        require(
            final >= 0 && final.isFinite, "cosine: the final factor must be finite and not negative but is \(final)")
        return Schedule { step, _, total in
            final + (1 - final) * (1 + Foundation.cos(.pi * min(1, Double(step) / Double(max(total, 1))))) / 2
        }
    }

    /// Half a cosine from 1 down to `final` over each cycle of epochs, after which it starts again at 1
    /// (Loshchilov & Hutter, "SGDR", 2017).
    ///
    /// - Parameters:
    ///   - first: the number of epochs of the first cycle; positive.
    ///   - growth: what the length of each further cycle is times that before; at least 1, rounded to whole epochs.
    ///   - final: the factor at the end of a cycle; finite and not negative.
    public static func cosineRestarts(first: Int, growth: Double = 1, final: Double = 0) -> Schedule {
        require(first > 0, "cosineRestarts: the first cycle must have a positive number of epochs but has \(first)")
        require(
            growth >= 1 && growth.isFinite, "cosineRestarts: the growth must be finite and at least 1 but is \(growth)")
        require(
            final >= 0 && final.isFinite,
            "cosineRestarts: the final factor must be finite and not negative but is \(final)")
        return Schedule { step, perEpoch, _ in
            var (start, length, cycle) = (0.0, Double(first), 0)
            let position = Double(step) / Double(max(perEpoch, 1))
            while position >= start + length {
                start += length
                cycle += 1
                length = (Double(first) * pow(growth, Double(cycle))).rounded()
                if growth == 1 { start = (position / length).rounded(.down) * length }
            }
            return final + (1 - final) * (1 + Foundation.cos(.pi * (position - start) / length)) / 2
        }
    }

    /// Linear growth over the first `steps` steps (the first has the factor 1 / `steps`), then another schedule, which
    /// counts its steps from there.
    public static func warmUp(steps: Int, then schedule: Schedule = .constant) -> Schedule {
        require(steps > 0, "warmUp: the number of steps must be positive but is \(steps)")
        return Schedule { step, perEpoch, total in
            step < steps
                ? Double(step + 1) / Double(steps) : schedule.factor(step - steps, perEpoch, max(total - steps, 1))
        }
    }

    /// Up from 1 / `startDivisor` to 1 over the first `rise` of the run, then down to 1 / (`startDivisor` `finalDivisor`),
    /// both along half a cosine (Smith & Topin, 2018; PyTorch's OneCycleLR without its momentum).
    public static func oneCycle(rise: Double = 0.3, startDivisor: Double = 25, finalDivisor: Double = 1e4) -> Schedule {
        require(rise > 0 && rise < 1, "oneCycle: rise must be between 0 and 1 but is \(rise)")
        require(
            startDivisor > 0 && startDivisor.isFinite && finalDivisor > 0 && finalDivisor.isFinite,
            "oneCycle: the divisors must be positive and finite but are \(startDivisor), \(finalDivisor)")
        return Schedule { step, _, total in
            let start = 1 / startDivisor
            let end = start / finalDivisor
            let top = rise * Double(total) - 1
            let position = Double(step)
            func between(_ a: Double, _ b: Double, _ share: Double) -> Double {
                b + (a - b) * (1 + Foundation.cos(.pi * min(max(share, 0), 1))) / 2
            }
            if position <= top { return between(start, 1, top > 0 ? position / top : 1) }
            return between(1, end, (position - top) / max(Double(total) - 1 - top, 1))
        }
    }
}
