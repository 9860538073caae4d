import CKernels
import Foundation
import Testing

/// Row-major strides of a dense array.
func denseStrides(_ dimensions: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: dimensions.count)
    for i in stride(from: dimensions.count - 2, through: 0, by: -1) { strides[i] = strides[i + 1] * dimensions[i + 1] }
    return strides
}

/// Calls the body with the multi-index of every position, in row-major order.
func forEachIndex(_ dimensions: [Int], _ body: ([Int]) -> Void) {
    var index = [Int](repeating: 0, count: dimensions.count)
    for _ in 0..<dimensions.reduce(1, *) {
        body(index)
        for i in stride(from: dimensions.count - 1, through: 0, by: -1) {
            index[i] += 1
            if index[i] < dimensions[i] { break }
            index[i] = 0
        }
    }
}

func offset(_ index: [Int], _ strides: [Int]) -> Int { zip(index, strides).map(*).reduce(0, +) }

/// Strides of an operand of a shape, zero where it is broadcast.
func broadcastStrides(_ shape: [Int]) -> [Int] {
    zip(denseStrides(shape), shape).map { $1 == 1 ? 0 : $0 }
}

/// The size of memory that an index space with these strides needs.
func extent(_ dimensions: [Int], _ strides: [Int]) -> Int {
    dimensions.contains(0) ? 0 : zip(dimensions, strides).map { ($0 - 1) * $1 }.reduce(1, +)
}

extension KernelTests {
    @Suite struct Broadcast {
        static let operations:
            [(name: String, operation: ballast_binary_operation, function: @Sendable (Double, Double) -> Double)] = [
                ("add", ballast_add, { $0 + $1 }), ("subtract", ballast_subtract, { $0 - $1 }),
                ("multiply", ballast_multiply, { $0 * $1 }), ("divide", ballast_divide, { $0 / $1 }),
                ("power", ballast_power, { pow($0, $1) }),
                ("maximum", ballast_maximum, { max($0, $1) }), ("minimum", ballast_minimum, { min($0, $1) }),
                ("greater", ballast_greater, { $0 > $1 ? 1 : 0 }),
                ("greater or equal", ballast_greater_equal, { $0 >= $1 ? 1 : 0 }),
                ("equal", ballast_equal, { $0 == $1 ? 1 : 0 }),
            ]

        /// Shapes of the operands; the result has the larger dimension everywhere.
        static let shapes: [([Int], [Int])] =
            [0, 1, 3, 4, 5, 15, 16, 17, 35, 1000].flatMap { [([$0], [$0]), ([$0], [1]), ([1], [$0])] } + [
                ([], []), ([7, 10], [1, 10]), ([1, 10], [300, 10]), ([300, 3], [1, 3]), ([7, 10], [7, 1]),
                ([5, 1], [5, 33]),
                ([7, 1], [1, 9]), ([3, 100], [1, 100]), ([3, 100], [3, 1]), ([2, 3, 4, 5], [1, 3, 1, 1]),
                ([2, 1, 4, 1], [2, 3, 4, 5]),
                ([2, 3, 4, 5], [1, 1, 4, 5]), ([2, 1, 4, 1, 3], [1, 5, 1, 2, 3]), ([1, 1, 1], [1, 1, 1]),
                ([0, 3], [1, 3]),
                ([2, 2, 1, 2, 1, 2, 2, 2], [1, 2, 2, 2, 2, 1, 2, 1]),
            ]

        @Test("Broadcast operations match loops", arguments: instructionSets)
        func operations(set: String) {
            for (shapeA, shapeB) in Self.shapes {
                let shape = zip(shapeA, shapeB).map { $0 == 0 || $1 == 0 ? 0 : max($0, $1) }
                let count = shape.reduce(1, *)
                let a = Unaligned(samples(shapeA.reduce(1, *)).map { ($0 * 8).rounded() / 4 })
                let b = Unaligned(samples(shapeB.reduce(1, *), seed: 2).map { ($0 * 8).rounded() / 4 })
                let (stridesA, stridesB) = (broadcastStrides(shapeA), broadcastStrides(shapeB))
                for (name, operation, function) in Self.operations {
                    var expected: [Double] = []
                    forEachIndex(shape) {
                        expected.append(
                            function(Double(a.pointer[offset($0, stridesA)]), Double(b.pointer[offset($0, stridesB)])))
                    }
                    let y = Unaligned(count: count)
                    with(set) {
                        ballast_binary(
                            operation, Int32(shape.count), shape, stridesA, a.pointer, stridesB, b.pointer, y.pointer)
                    }
                    #expect(difference(y.values, expected, tolerance: 3e-7) == nil, "\(name), \(shapeA) and \(shapeB)")
                    #expect(y.isIntact, "\(name), \(shapeA) and \(shapeB)")
                }
            }
        }

        @Test("Operands may be views with any strides", arguments: instructionSets)
        func strided(set: String) {
            let a = samples(200)
            let b = samples(200, seed: 2)
            var expected: [Double] = []
            forEachIndex([9, 7]) { expected.append(Double(a[$0[0] + 9 * $0[1]]) - Double(b[$0[0] * 20 + 2 * $0[1]])) }
            var y = [Float](repeating: 0, count: 63)
            with(set) { ballast_binary(ballast_subtract, 2, [9, 7], [1, 9], a, [20, 2], b, &y) }
            #expect(difference(y, expected, tolerance: 1e-7) == nil)
        }

        @Test("Powers behave like C's, squares are products", arguments: instructionSets)
        func powers(set: String) {
            let values: [Float] = [
                0, -0.0, 1, -1, 2, -2, 3, 0.5, -0.5, 2.5, -3, 1e-30, 1e30, .infinity, -.infinity, .nan, 7, 16_777_218,
            ]
            for exponent in values {
                for both in [false, true] {
                    let exponents = [Float](repeating: exponent, count: both ? values.count : 1)
                    var y = values
                    with(set) {
                        ballast_binary(ballast_power, 1, [values.count], [1], values, [both ? 1 : 0], exponents, &y)
                    }
                    let expected = values.map { Double(Float(pow(Double($0), Double(exponent)))) }
                    #expect(difference(y, expected, tolerance: 3e-7, scale: 0) == nil, "to the power of \(exponent)")
                }
            }
        }

        @Test("NaN wins in maximum and minimum, loses in comparisons", arguments: instructionSets)
        func nans(set: String) {
            let (a, b): ([Float], [Float]) = ([.nan, 1, .nan], [1, .nan, .nan])
            for (name, operation, _) in Self.operations {
                var y: [Float] = [5, 5, 5]
                with(set) { ballast_binary(operation, 1, [3], [1], a, [1], b, &y) }
                let isComparison = ["greater", "greater or equal", "equal"].contains(name)
                if name == "power" { continue }  // 1 to the power of NaN is 1
                #expect(y.allSatisfy { isComparison ? $0 == 0 : $0.isNaN }, "\(name): \(y)")
            }
        }

        @Test("One and two threads give the same bits", arguments: instructionSets)
        func threads(set: String) {
            for (shapeA, shapeB) in [
                ([90001], [90001]), ([300, 333], [1, 333]), ([300, 333], [300, 1]), ([30000, 3], [1, 3]),
                ([7, 1, 3001], [1, 5, 3001]),
            ] {
                let shape = zip(shapeA, shapeB).map { max($0, $1) }
                let (a, b) = (samples(shapeA.reduce(1, *)), samples(shapeB.reduce(1, *), seed: 2))
                let results = [Int32(1), 2].map { count in
                    with(set, threads: count) { () -> [Float] in
                        var y = [Float](repeating: 0, count: shape.reduce(1, *))
                        ballast_binary(
                            ballast_divide, Int32(shape.count), shape, broadcastStrides(shapeA), a,
                            broadcastStrides(shapeB), b, &y)
                        return y
                    }
                }
                #expect(sameBits(results[0], results[1]), "\(shapeA) and \(shapeB)")
                var expected: [Double] = []
                forEachIndex(shape) {
                    expected.append(
                        Double(a[offset($0, broadcastStrides(shapeA))])
                            / Double(b[offset($0, broadcastStrides(shapeB))]))
                }
                #expect(difference(results[0], expected, tolerance: 1e-7) == nil, "\(shapeA) and \(shapeB)")
            }
        }
    }

    @Suite struct Copy {
        /// Dimensions, strides of the source, strides of the target.
        static let views: [([Int], [Int], [Int])] = [
            ([], [], []), ([1], [1], [1]), ([0], [1], [1]), ([35], [1], [1]), ([9], [3], [1]), ([9], [1], [2]),
            ([9], [0], [1]),
            ([7, 5], [1, 7], [5, 1]), ([7, 5], [5, 1], [1, 7]), ([16, 16], [1, 16], [16, 1]),
            ([33, 70], [1, 33], [70, 1]),
            ([70, 3], [1, 70], [3, 1]), ([3, 70], [1, 3], [70, 1]), ([6, 10], [20, 1], [10, 1]),
            ([6, 10], [10, 1], [25, 1]),
            ([2, 3, 4, 5], [1, 2, 6, 24], [60, 20, 5, 1]), ([2, 8, 3, 20], [480, 20, 160, 1], [480, 60, 20, 1]),
            ([2, 17, 3, 20], [1020, 1, 340, 17], [1020, 60, 20, 1]), ([4, 1, 6], [6, 99, 1], [12, 77, 2]),
            ([2, 3, 2, 3, 2, 3, 2, 3], [1, 2, 6, 12, 36, 72, 216, 432], [648, 216, 108, 36, 18, 6, 3, 1]),
            ([300, 301], [1, 300], [301, 1]), ([40, 50, 60], [3000, 1, 50], [3000, 60, 1]),
            ([200, 500], [600, 1], [500, 1]),
        ]

        @Test("Strided copies match loops for one and two threads", arguments: instructionSets)
        func copies(set: String) {
            for (dimensions, stridesX, stridesY) in Self.views {
                let x = Unaligned(samples(extent(dimensions, stridesX)))
                let before = samples(extent(dimensions, stridesY), seed: 2)
                for accumulate in [false, true] {
                    var expected = before
                    forEachIndex(dimensions) {
                        let value = x.pointer[offset($0, stridesX)]
                        let position = offset($0, stridesY)
                        expected[position] = accumulate ? before[position] + value : value
                    }
                    for threads in [Int32(1), 2] {
                        let y = Unaligned(before)
                        with(set, threads: threads) {
                            ballast_copy(
                                Int32(dimensions.count), dimensions, x.pointer, stridesX, accumulate, y.pointer,
                                stridesY)
                        }
                        #expect(
                            mismatch(y.values, expected) == nil && y.isIntact,
                            "\(dimensions), \(stridesX) to \(stridesY), \(accumulate)")
                    }
                }
            }
        }
    }
}
