import CKernels
import Foundation
import Testing

/// Not known to the compiler, so that it computes nothing with them in advance.
private let subnormals: [Float] = [
    Float(bitPattern: 0x1_16C2), -Float(bitPattern: 0x1_16C2), .leastNonzeroMagnitude,
    Float.leastNormalMagnitude.nextDown,
]

/// An array of many subnormal numbers, enough for several threads.
private func manySubnormals(_ count: Int = 100_000) -> [Float] { (0..<count).map { subnormals[$0 % 4] } }

/// The results of kernels whose operands or results are subnormal.
private func results() -> [(name: String, values: [Float])] {
    let tiny = manySubnormals()
    let count = tiny.count
    let small = [Float](repeating: 1e-30, count: count)
    func result(_ size: Int = count, initial: Float = 0, _ body: (UnsafeMutablePointer<Float>) -> Void) -> [Float] {
        var y = [Float](repeating: initial, count: size)
        y.withUnsafeMutableBufferPointer { $0.baseAddress.map(body) }
        return y
    }
    func unary(_ operation: ballast_unary_operation, _ x: [Float], parameter: Float = 1) -> [Float] {
        result { ballast_unary(operation, count, x, parameter, $0) }
    }
    func binary(_ operation: ballast_binary_operation, _ a: [Float], _ b: [Float]) -> [Float] {
        result { ballast_binary(operation, 1, [count], [1], a, [1], b, $0) }
    }
    func repeated(_ x: Float) -> [Float] { [Float](repeating: x, count: count) }
    return [
        ("affine", result { ballast_affine(count, tiny, 1e10, 0, false, $0) }),
        ("affine, result", result { ballast_affine(count, small, 1e-10, 0, false, $0) }),
        ("multiply-add", result { ballast_multiply_add(count, small, small, 1, true, $0) }),
        ("add", binary(ballast_add, tiny, tiny)),
        ("subtract", binary(ballast_subtract, repeated(1.5e-38), repeated(1.4e-38))),
        ("multiply", binary(ballast_multiply, tiny, repeated(1e20))),
        ("divide", binary(ballast_divide, repeated(1e-30), repeated(1e10))),
        ("power", binary(ballast_power, tiny.map(abs), repeated(0.5))),
        ("square", unary(ballast_square, small)),
        ("square root", unary(ballast_square_root, tiny.map(abs))),
        ("sign", unary(ballast_sign, tiny)),
        ("reciprocal", unary(ballast_reciprocal, repeated(2e38))),
        ("exponential", unary(ballast_exponential, repeated(-90))),
        ("hyperbolic tangent", unary(ballast_tangent_hyperbolic, tiny)),
        ("sine", unary(ballast_sine, tiny)),
        ("sigmoid", unary(ballast_sigmoid, repeated(-90))),
        ("gelu", unary(ballast_gelu, tiny)),
        ("sum", result(1) { ballast_reduce(ballast_sum, 1, [count], 1, tiny.map(abs), 1e10, false, $0) }),
        (
            "matrix product",
            result(200 * 100) { ballast_gemm(false, false, 200, 100, 400, 1, small, small, nil, false, false, $0) }
        ),
        (
            "softmax",
            result { ballast_softmax(count / 2, 2, 0, (0..<count).map { $0 % 2 == 0 ? 0 : -95 }, $0) }.enumerated()
                .filter { $0.offset % 2 == 1 }.map(\.element)
        ),
    ]
}

// What <fenv.h> calls FE_TONEAREST and so on, and FE_ALL_EXCEPT, in an order that does not matter: Swift does not see them.
#if arch(x86_64)
    private let (roundings, exceptions): ([Int32], Int32) = ([0, 0x400, 0x800, 0xC00], 0x3D)
#else
    private let (roundings, exceptions): ([Int32], Int32) = ([0, 0x40_0000, 0x80_0000, 0xC0_0000], 0x1F)
#endif

/// The calling thread's floating-point state, flags included.
private func environment() -> [UInt8] {
    var state = fenv_t()
    fegetenv(&state)
    return withUnsafeBytes(of: &state) { Array($0) }
}

extension KernelTests {
    @Suite struct SubnormalTests {
        @Test(arguments: instructionSets)
        func `Subnormal operands and results are zeros, on every thread`(instructionSet: String) {
            for threads in [1, 2, 3, 4, 8] as [Int32] {
                for (name, values) in with(instructionSet, threads: threads, results) {
                    let bad = values.firstIndex { $0 != 0 }
                    #expect(bad == nil, "\(name) with \(threads) threads: \(values[bad ?? 0]) at \(bad ?? 0)")
                }
            }
        }

        @Test(arguments: instructionSets)
        func `The logarithm of a subnormal number is that of zero`(instructionSet: String) {
            let x = manySubnormals(37).map(abs)
            var y = [Float](repeating: 0, count: x.count)
            with(instructionSet) { ballast_unary(ballast_logarithm, x.count, x, 0, &y) }
            #expect(y.allSatisfy { $0 == -.infinity })
        }

        @Test(arguments: instructionSets)
        func `What moves elements keeps the bits of subnormal numbers`(instructionSet: String) {
            let x = manySubnormals()
            var copy = [Float](repeating: 0, count: x.count)
            var rows = copy
            with(instructionSet, threads: 3) {
                ballast_copy(1, [x.count], x, [1], false, &copy, [1])
                ballast_gather(x.count, 1, x, (0..<x.count).map { Int32($0) }, &rows)
            }
            #expect(sameBits(copy, x) && sameBits(rows, x))
        }

        @Test func `A caller's floating-point state neither changes nor matters`() {
            let x = samples(100_000)
            func kernels() -> [Float] {
                var y = [Float](repeating: 0, count: x.count)
                ballast_affine(x.count, x, 1e-30, 1e-36, false, &y)
                ballast_unary(ballast_sigmoid, x.count / 2, x, 0, &y)
                return y
            }
            let expected = kernels()
            for rounding in roundings {
                var before = fenv_t()
                fegetenv(&before)
                defer { fesetenv(&before) }
                #expect(fesetround(rounding) == 0)
                feclearexcept(exceptions)
                let state = environment()
                let values = kernels()
                let after = environment()
                let product = subnormals[0] * Float(subnormals.count)
                fesetenv(&before)
                #expect(state == after)
                #expect(sameBits(values, expected))
                #expect(product > 0, "the caller computes with subnormal numbers")
            }
        }

        @Test(arguments: [1, 2, 50])
        func `A parallel loop's arithmetic is that of the kernels, on every thread`(count: Int) {
            for threads in [1, 4] as [Int32] {
                with("baseline", threads: threads) {
                    var products = [Float](repeating: 1, count: count)
                    ballast_parallel(count, &products) { context, index in
                        context?.assumingMemoryBound(to: Float.self)[index] = subnormals[index % 4] * 2
                    }
                    #expect(products.allSatisfy { $0 == 0 })
                }
            }
        }

        @Test(arguments: instructionSets)
        func `Adam's moments become exactly zero once gradients are`(instructionSet: String) {
            let count = 37
            var parameter = samples(count)
            var gradient = samples(count, seed: 2)
            var first = [Float](repeating: 0, count: count)
            var second = first
            /// One step; returns whether a moment is subnormal.
            func step() -> Bool {
                parameter.withUnsafeMutableBufferPointer { parameter in
                    gradient.withUnsafeMutableBufferPointer { gradient in
                        first.withUnsafeMutableBufferPointer { first in
                            second.withUnsafeMutableBufferPointer { second in
                                var segment = ballast_segment(
                                    parameter: parameter.baseAddress!, gradient: gradient.baseAddress!, update: nil,
                                    first: first.baseAddress, second: second.baseAddress, count: count,
                                    gradient_scale: 1, weight_decay: 0, l1: 0, decoupled_decay: 0, soft_threshold: 0)
                                ballast_adam(1, &segment, 1e-3, 0.9, 0.99, 1e-8, 1, 1)
                                return first.contains { $0.isSubnormal } || second.contains { $0.isSubnormal }
                            }
                        }
                    }
                }
            }
            with(instructionSet) {
                var sawSubnormals = step()
                gradient = [Float](repeating: 0, count: count)
                for _ in 0..<10_000 { sawSubnormals = step() || sawSubnormals }
                #expect(!sawSubnormals)
                #expect(first.allSatisfy { $0 == 0 } && second.allSatisfy { $0 == 0 })
                let before = parameter
                _ = step()
                #expect(sameBits(parameter, before))
            }
        }
    }
}
