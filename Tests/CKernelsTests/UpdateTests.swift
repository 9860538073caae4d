import CKernels
import Foundation
import Testing

/// The tensors of a model for one optimizer, in memory and in double precision.
final class Model {
    let (parameters, gradients, updates, first, second):
        ([Unaligned], [Unaligned], [Unaligned], [Unaligned], [Unaligned])
    let apart: Bool
    var reference: [(parameter: Double, update: Double, first: Double, second: Double)]
    let (gradientScale, own, sign): (Float, Float, Float) = (0.5, 0.25, 0.75)
    let (shrink, threshold): (Float, Float) = (-0.125, 0.0625)

    init(_ counts: [Int], apart: Bool) {
        self.apart = apart
        parameters = counts.enumerated().map { Unaligned(samples($1, seed: UInt64($0 + 1))) }
        gradients = counts.enumerated().map { Unaligned(samples($1, seed: UInt64($0 + 100))) }
        updates = counts.map { Unaligned(count: $0) }
        first = counts.map { Unaligned([Float](repeating: 0, count: $0)) }
        second = counts.map { Unaligned([Float](repeating: 0, count: $0)) }
        reference = parameters.flatMap(\.values).map { (Double($0), 0, 0, 0) }
    }

    var segments: [ballast_segment] {
        parameters.indices.map {
            ballast_segment(
                parameter: parameters[$0].pointer, gradient: gradients[$0].pointer,
                update: apart ? updates[$0].pointer : nil,
                first: first[$0].pointer, second: second[$0].pointer, count: parameters[$0].count,
                gradient_scale: gradientScale, weight_decay: own, l1: sign, decoupled_decay: shrink,
                soft_threshold: threshold)
        }
    }

    /// One step in double precision: `rule` gives the change from the gradient, and moves the buffers.
    func step(_ rule: (Double, inout Double, inout Double) -> Double) {
        let gradient = gradients.flatMap(\.values)
        for i in reference.indices {
            var state = reference[i]
            let old = state.parameter
            let sign = old == 0 ? 0 : old > 0 ? Double(sign) : -Double(sign)
            let change = rule(
                Double(gradient[i]) * Double(gradientScale) + Double(own) * old + sign, &state.first, &state.second)
            if apart { state.update = change } else { state.parameter = moved(old, by: change) }
            reference[i] = state
        }
    }

    /// A parameter after a change, the shrink and the threshold.
    func moved(_ old: Double, by change: Double) -> Double {
        let result = old + change + Double(shrink) * old
        return max(abs(result) - Double(threshold), 0) * (result < 0 ? -1 : 1)
    }

    var mismatch: String? {
        for (name, arrays, expected) in [
            ("parameter", parameters, reference.map(\.parameter)), ("first", first, reference.map(\.first)),
            ("second", second, reference.map(\.second)), ("update", updates, apart ? reference.map(\.update) : []),
        ] where name != "update" || apart {
            if let difference = difference(arrays.flatMap(\.values), expected, tolerance: 1e-5) {
                return "\(name): \(difference)"
            }
        }
        return [parameters, gradients, updates, first, second].joined().allSatisfy { $0.isIntact }
            ? nil : "written outside"
    }
}

extension KernelTests {
    @Suite struct Updates {
        static let models: [[Int]] = [[], [0], [1], [3, 0, 5], [16, 17, 35, 1000], [100, 40_000, 7, 20_000]]

        static func check(_ set: String, _ body: (Model, _ step: Int) -> Void) {
            for counts in models {
                for apart in [false, true] {
                    let models = [Int32(1), 2].map { threads in
                        with(set, threads: threads) { () -> Model in
                            let model = Model(counts, apart: apart)
                            for step in 1...3 { body(model, step) }
                            return model
                        }
                    }
                    #expect(models[0].mismatch == nil, "\(counts), apart: \(apart)")
                    #expect(
                        zip(models[0].parameters + models[0].updates, models[1].parameters + models[1].updates)
                            .allSatisfy {
                                $0.values.map(\.bitPattern) == $1.values.map(\.bitPattern)
                            }, "\(counts), apart: \(apart)")
                }
            }
        }

        static let momenta: [(Double, Double, Bool)] = [
            (0, 0, false), (0.5, 0, false), (0.75, 0.25, false), (0.5, 0, true),
        ]

        @Test("SGD is PyTorch's", arguments: instructionSets, momenta)
        func sgd(set: String, options: (momentum: Double, dampening: Double, nesterov: Bool)) {
            let (momentum, dampening, nesterov) = options
            Self.check(set) { model, step in
                let segments = model.segments
                ballast_sgd(segments.count, segments, 0.125, Float(momentum), Float(dampening), nesterov, step == 1)
                model.step { gradient, velocity, _ in
                    guard momentum > 0 else { return -0.125 * gradient }
                    velocity = step == 1 ? gradient : momentum * velocity + (1 - dampening) * gradient
                    return -0.125 * (nesterov ? gradient + momentum * velocity : velocity)
                }
            }
        }

        @Test("Adam is PyTorch's", arguments: instructionSets)
        func adam(set: String) {
            let (beta1, beta2) = (Double(Float(0.9)), Double(Float(0.999)))
            Self.check(set) { model, step in
                let segments = model.segments
                let (correction1, correction2) = (1 - pow(beta1, Double(step)), 1 - pow(beta2, Double(step)))
                ballast_adam(segments.count, segments, 0.01, 0.9, 0.999, 1e-8, Float(correction1), Float(correction2))
                model.step { gradient, first, second in
                    first = beta1 * first + (1 - beta1) * gradient
                    second = beta2 * second + (1 - beta2) * gradient * gradient
                    return -0.01 / correction1 * first / (second.squareRoot() / correction2.squareRoot() + 1e-8)
                }
            }
        }

        @Test("RMSprop is PyTorch's", arguments: instructionSets, [Double(0), 0.5])
        func rmsprop(set: String, momentum: Double) {
            let alpha = Double(Float(0.99))
            Self.check(set) { model, _ in
                let segments = model.segments
                ballast_rmsprop(segments.count, segments, 0.01, 0.99, 0.01, Float(momentum))
                model.step { gradient, first, second in
                    second = alpha * second + (1 - alpha) * gradient * gradient
                    let direction = gradient / (second.squareRoot() + 0.01)
                    guard momentum > 0 else { return -0.01 * direction }
                    first = momentum * first + direction
                    return -0.01 * first
                }
            }
        }

        @Test("Updates are applied with their scale and the shrink", arguments: instructionSets)
        func apply(set: String) {
            for counts in Self.models {
                let model = Model(counts, apart: true)
                for (update, gradient) in zip(model.updates, model.gradients) {
                    for i in 0..<update.count { update.pointer[i] = gradient.pointer[i] }
                }
                let before = model.parameters.flatMap(\.values)
                let segments = model.segments
                with(set) { ballast_apply_updates(segments.count, segments) }
                let expected = zip(before, model.updates.flatMap(\.values)).map {
                    model.moved(Double($0), by: Double($1) * 0.5)
                }
                #expect(difference(model.parameters.flatMap(\.values), expected, tolerance: 2e-7) == nil, "\(counts)")
            }
        }

        @Test("The first segment with a bad gradient is named", arguments: instructionSets)
        func finiteness(set: String) {
            with(set) {
                for counts in Self.models {
                    let model = Model(counts, apart: false)
                    let segments = model.segments
                    var bad = -1
                    #expect(ballast_gradients_finite(segments.count, segments, &bad) && bad == -1, "\(counts)")
                    for segment in counts.indices.reversed() where counts[segment] > 0 {
                        model.gradients[segment].pointer[counts[segment] - 1] = segment % 2 == 0 ? .nan : -.infinity
                        #expect(
                            !ballast_gradients_finite(segments.count, segments, &bad) && bad == segment, "\(counts)")
                    }
                }
            }
        }
    }
}
