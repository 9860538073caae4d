import CKernels
import Foundation
import Testing

/// A function of one argument in double precision, and the range it is tried on.
struct UnaryCase: Sendable, CustomTestStringConvertible {
    let name: String
    let operation: ballast_unary_operation
    var parameter: Float = 0
    var range: ClosedRange<Double> = -6...6
    let function: @Sendable (Double) -> Double
    var testDescription: String { name }

    static let normal: @Sendable (Double) -> Double = { erfc(-$0 / 2.0.squareRoot()) / 2 }

    static let all: [UnaryCase] = [
        UnaryCase(name: "negate", operation: ballast_negate) { -$0 },
        UnaryCase(name: "absolute", operation: ballast_absolute) { abs($0) },
        UnaryCase(name: "sign", operation: ballast_sign) { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 },
        UnaryCase(name: "square", operation: ballast_square) { $0 * $0 },
        UnaryCase(name: "square root", operation: ballast_square_root, range: 0.01...9) { $0.squareRoot() },
        UnaryCase(name: "reciprocal square root", operation: ballast_reciprocal_square_root, range: 0.01...9) {
            1 / $0.squareRoot()
        },
        UnaryCase(name: "reciprocal", operation: ballast_reciprocal, range: 0.1...7) { 1 / $0 },
        UnaryCase(name: "exponential", operation: ballast_exponential, range: -20...20) { exp($0) },
        UnaryCase(name: "logarithm", operation: ballast_logarithm, range: 0.001...40) { log($0) },
        UnaryCase(name: "sine", operation: ballast_sine, range: -300...300) { sin($0) },
        UnaryCase(name: "cosine", operation: ballast_cosine, range: -300...300) { cos($0) },
        UnaryCase(name: "hyperbolic tangent", operation: ballast_tangent_hyperbolic) { tanh($0) },
        UnaryCase(name: "sigmoid", operation: ballast_sigmoid, range: -20...20) { 1 / (1 + exp(-$0)) },
        UnaryCase(name: "relu", operation: ballast_relu) { max($0, 0) },
        UnaryCase(name: "leaky relu", operation: ballast_leaky_relu, parameter: 0.25) { $0 < 0 ? 0.25 * $0 : $0 },
        UnaryCase(name: "elu", operation: ballast_elu, parameter: 1.5) { $0 < 0 ? 1.5 * expm1($0) : $0 },
        UnaryCase(name: "gelu", operation: ballast_gelu) { $0 * normal($0) },
        UnaryCase(name: "gelu tanh", operation: ballast_gelu_tanh) {
            0.5 * $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0)))
        },
        UnaryCase(name: "silu", operation: ballast_silu) { $0 / (1 + exp(-$0)) },
        UnaryCase(name: "softplus", operation: ballast_softplus, range: -20...20) { max($0, 0) + log1p(exp(-abs($0))) },
        UnaryCase(name: "error function", operation: ballast_error_function) { erf($0) },
        UnaryCase(name: "floor", operation: ballast_floor) { $0.rounded(.down) },
        UnaryCase(name: "round", operation: ballast_round) { $0.rounded(.toNearestOrEven) },
    ]

    func inputs(_ count: Int) -> [Float] {
        samples(count).map {
            Float(range.lowerBound + (range.upperBound - range.lowerBound) * (Double($0) + 1) / 2)
        }
    }
}

func unary(_ operation: ballast_unary_operation, _ x: [Float], parameter: Float = 0) -> [Float] {
    var y = [Float](repeating: .nan, count: x.count)
    ballast_unary(operation, x.count, x, parameter, &y)
    return y
}

extension KernelTests {
    @Suite struct Elementwise {
        @Test("Functions match double precision at every length, and write nothing else", arguments: UnaryCase.all)
        func values(of test: UnaryCase) {
            for set in instructionSets {
                for count in lengths + [1000] {
                    let x = Unaligned(test.inputs(count))
                    let y = Unaligned(count: count)
                    with(set) { ballast_unary(test.operation, count, x.pointer, test.parameter, y.pointer) }
                    let expected = x.values.map { test.function(Double($0)) }
                    #expect(
                        difference(y.values, expected, tolerance: 1e-6, scale: 0.1) == nil, "\(set), \(count) elements")
                    #expect(y.isIntact, "\(set), \(count) elements")
                    with(set) { ballast_unary(test.operation, count, x.pointer, test.parameter, x.pointer) }
                    #expect(sameBits(x.values, y.values), "\(set), \(count) elements in place")
                }
            }
        }

        @Test("Derivatives match central differences", arguments: UnaryCase.all)
        func derivatives(of test: UnaryCase) {
            let isStep = ["sign", "floor", "round"].contains(test.name)
            for set in instructionSets {
                for count in lengths + [1000] {
                    let x = test.inputs(count)
                    let dy = samples(count, seed: 2)
                    let before = samples(count, seed: 3)
                    let added = Unaligned(before)
                    let dx = Unaligned(count: count)
                    with(set) {
                        let y = unary(test.operation, x, parameter: test.parameter)
                        ballast_unary_gradient(test.operation, count, x, y, dy, test.parameter, false, dx.pointer)
                        ballast_unary_gradient(test.operation, count, x, y, dy, test.parameter, true, added.pointer)
                    }
                    let expected = (0..<count).map { i in
                        let step = 1e-5 * max(1e-2, abs(Double(x[i])))
                        let (above, below) = (test.function(Double(x[i]) + step), test.function(Double(x[i]) - step))
                        return isStep ? 0 : Double(dy[i]) * (above - below) / (2 * step)
                    }
                    #expect(
                        difference(dx.values, expected, tolerance: 2e-6, scale: 0.5) == nil, "\(set), \(count) elements"
                    )
                    let sums = zip(expected, before).map { $0 + Double($1) }
                    #expect(difference(added.values, sums, tolerance: 2e-6, scale: 1) == nil, "\(set), \(count), added")
                    #expect(dx.isIntact && added.isIntact, "\(set), \(count) elements")
                }
            }
        }

        @Test("Relative errors stay below 5e-7 over the whole range of floats")
        func accuracy() {
            let magnitudes = (0..<20000).map {
                Float(sign: .plus, exponent: -126 + $0 % 254, significand: 1 + Float($0) / 20000)
            }
            let everything = magnitudes + magnitudes.map { -$0 }
            let exact: [(ballast_unary_operation, @Sendable (Double) -> Double)] = [
                (ballast_exponential, { exp($0) }), (ballast_logarithm, { log($0) }), (ballast_sine, { sin($0) }),
                (ballast_cosine, { cos($0) }), (ballast_tangent_hyperbolic, { tanh($0) }),
                (ballast_sigmoid, { 1 / (1 + exp(-$0)) }), (ballast_error_function, { erf($0) }),
                (ballast_softplus, { max($0, 0) + log1p(exp(-abs($0))) }),
            ]
            for set in instructionSets {
                for (operation, function) in exact {
                    let y = with(set) { unary(operation, everything) }
                    let expected = everything.map { x in
                        let value = function(Double(x))
                        return value > Double(Float.greatestFiniteMagnitude) ? .infinity : value
                    }
                    #expect(
                        difference(y, expected, tolerance: 5e-7, scale: Double(Float.leastNormalMagnitude) * 4e6)
                            == nil,
                        "\(set), operation \(operation.rawValue)")
                }
            }
        }

        @Test("NaN stays NaN, infinities and zeros go where they belong", arguments: instructionSets)
        func specials(set: String) {
            with(set) {
                for test in UnaryCase.all {
                    #expect(unary(test.operation, [.nan], parameter: 1)[0].isNaN, "\(test.name)")
                }
                #expect(
                    unary(ballast_exponential, [.infinity, -.infinity, 0, 89, -104]) == [.infinity, 0, 1, .infinity, 0])
                #expect(unary(ballast_logarithm, [0, .infinity, 1]) == [-.infinity, .infinity, 0])
                #expect(unary(ballast_logarithm, [-1, -.infinity]).allSatisfy { $0.isNaN })
                #expect(unary(ballast_tangent_hyperbolic, [.infinity, -.infinity, 0]) == [1, -1, 0])
                #expect(unary(ballast_sigmoid, [.infinity, -.infinity, 0]) == [1, 0, 0.5])
                #expect(unary(ballast_softplus, [.infinity, -.infinity]) == [.infinity, 0])
                #expect(unary(ballast_error_function, [.infinity, -.infinity, 0]) == [1, -1, 0])
                #expect(unary(ballast_sine, [.infinity])[0].isNaN)
                #expect(unary(ballast_relu, [-.infinity, .infinity, -1]) == [0, .infinity, 0])
                #expect(unary(ballast_sign, [0, -3, 5, -.infinity]) == [0, -1, 1, -1])
                #expect(
                    unary(ballast_round, [0.5, 1.5, 2.5, -0.5, 1e10, -.infinity]) == [0, 2, 2, 0, 1e10, -.infinity])
                #expect(unary(ballast_floor, [-0.5, 0.5, -2, 8_388_609]) == [-1, 0, -2, 8_388_609])
            }
        }

        @Test("At kinks the derivatives are PyTorch's", arguments: instructionSets)
        func kinks(set: String) {
            with(set) {
                for (operation, expected) in [
                    (ballast_relu, Float(0)), (ballast_absolute, 0), (ballast_leaky_relu, 0.25), (ballast_elu, 0.25),
                ] {
                    var dx: Float = .nan
                    ballast_unary_gradient(operation, 1, [0], [0], [1], 0.25, false, &dx)
                    #expect(dx == expected, "operation \(operation.rawValue)")
                }
            }
        }

        @Test("Affine, clamp, product, choice and fill match their definitions", arguments: instructionSets)
        func constants(set: String) {
            for count in lengths + [1000] {
                let (a, b, c) = (
                    samples(count), samples(count, seed: 2), samples(count, seed: 3).map { $0 > 0 ? $0 : 0 }
                )
                func check(_ name: String, _ expected: (Int) -> Double, _ body: (UnsafeMutablePointer<Float>) -> Void) {
                    let y = Unaligned(b)
                    with(set) { body(y.pointer) }
                    #expect(
                        difference(y.values, (0..<count).map(expected), tolerance: 3e-7) == nil, "\(name), \(count)")
                    #expect(y.isIntact, "\(name), \(count)")
                }
                check("affine", { Double(a[$0]) * 2.5 - 1 }) { ballast_affine(count, a, 2.5, -1, false, $0) }
                check("added affine", { Double(a[$0]) * 2.5 - 1 + Double(b[$0]) }) {
                    ballast_affine(count, a, 2.5, -1, true, $0)
                }
                check("clamp", { min(max(Double(a[$0]), -0.5), 0.25) }) { ballast_clamp(count, a, -0.5, 0.25, $0) }
                check("product", { Double(a[$0]) * Double(c[$0]) * 3 }) {
                    ballast_multiply_add(count, a, c, 3, false, $0)
                }
                check("added product", { Double(a[$0]) * Double(c[$0]) * 3 + Double(b[$0]) }) {
                    ballast_multiply_add(count, a, c, 3, true, $0)
                }
                check("choice", { Double(c[$0] != 0 ? a[$0] : b[$0]) }) { ballast_select(count, c, a, b, $0) }
                check("fill", { _ in 7 }) { ballast_fill(count, 7, $0) }
            }
            with(set) {
                var y: Float = 0
                ballast_clamp(1, [.nan], -1, 1, &y)
                #expect(y.isNaN)
            }
        }

        @Test("A single infinity or NaN anywhere is found", arguments: instructionSets)
        func finiteness(set: String) {
            with(set) {
                for count in lengths.dropFirst() + [1000, 70000] {
                    var x = samples(count)
                    #expect(ballast_all_finite(count, x), "\(count) elements")
                    for (position, value) in [(0, Float.nan), (count / 2, .infinity), (count - 1, -.infinity)] {
                        let before = x[position]
                        x[position] = value
                        #expect(!ballast_all_finite(count, x), "\(value) at \(position) of \(count)")
                        x[position] = before
                    }
                }
                #expect(ballast_all_finite(2, [.greatestFiniteMagnitude, -.greatestFiniteMagnitude]))
            }
        }

        @Test("One and two threads give the same bits", arguments: instructionSets)
        func threads(set: String) {
            let x = samples(100_003)
            for test in UnaryCase.all {
                let one = with(set, threads: 1) { unary(test.operation, x, parameter: 1) }
                let two = with(set, threads: 2) { unary(test.operation, x, parameter: 1) }
                #expect(sameBits(one.map { $0.isNaN ? 0 : $0 }, two.map { $0.isNaN ? 0 : $0 }), "\(test.name)")
            }
        }
    }
}
