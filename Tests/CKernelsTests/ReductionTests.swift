import CKernels
import Foundation
import Testing

extension KernelTests {
    @Suite struct Reductions {
        static let reductions:
            [(name: String, reduction: ballast_reduction, identity: Double, step: @Sendable (Double, Double) -> Double)] =
                [
                    ("sum", ballast_sum, 0, { $0 + $1 }), ("largest", ballast_largest, -.infinity, { max($0, $1) }),
                    ("smallest", ballast_smallest, .infinity, { min($0, $1) }),
                    ("sum of squares", ballast_sum_of_squares, 0, { $0 + $1 * $1 }),
                    ("sum of magnitudes", ballast_sum_of_magnitudes, 0, { $0 + abs($1) }),
                ]

        static let shapes: [[Int]] =
            lengths.map { [$0] } + [
                [], [1, 1], [3, 5], [128, 10], [10, 128], [2, 70], [70, 2], [64, 65], [5, 67, 9], [4, 3, 35],
                [3, 4, 5, 6], [2, 1, 33],
                [2, 3, 2, 3, 2, 3], [3, 2, 5, 2, 3, 2, 2, 3], [0, 3], [3, 0], [2, 0, 3], [7, 200],
            ]

        static func reduce(
            _ reduction: ballast_reduction, _ dimensions: [Int], _ axes: UInt32, _ x: [Float], scale: Float = 1,
            adding: [Float]? = nil
        ) -> [Float] {
            let outputs = dimensions.indices.filter { axes >> $0 & 1 == 0 }.map { dimensions[$0] }.reduce(1, *)
            let y = Unaligned(adding ?? [Float](repeating: .nan, count: outputs))
            ballast_reduce(reduction, Int32(dimensions.count), dimensions, axes, x, scale, adding != nil, y.pointer)
            #expect(y.isIntact, "\(dimensions), axes \(axes)")
            return y.values
        }

        static func expected(
            _ identity: Double, _ step: (Double, Double) -> Double, _ dimensions: [Int], _ axes: UInt32, _ x: [Float]
        ) -> [Double] {
            let kept = dimensions.indices.filter { axes >> $0 & 1 == 0 }
            let strides = denseStrides(kept.map { dimensions[$0] })
            var result = [Double](repeating: identity, count: kept.map { dimensions[$0] }.reduce(1, *))
            var next = 0
            forEachIndex(dimensions) { index in
                let output = offset(kept.map { index[$0] }, strides)
                result[output] = step(result[output], Double(x[next]))
                next += 1
            }
            return result
        }

        @Test("Every choice of axes matches loops", arguments: instructionSets)
        func axes(set: String) {
            for dimensions in Self.shapes {
                let x = samples(dimensions.reduce(1, *))
                let scale = Double(max(1, x.count)).squareRoot()  // terms cancel: rounding errors follow their size
                for axes in 0..<(UInt32(1) << dimensions.count) where axes % 7 < 4 || dimensions.count < 5 {
                    for (name, reduction, identity, step) in Self.reductions {
                        let expected = Self.expected(identity, step, dimensions, axes, x)
                        let y = with(set) { Self.reduce(reduction, dimensions, axes, x) }
                        #expect(
                            difference(y, expected, tolerance: 5e-7, scale: scale) == nil,
                            "\(name), \(dimensions), axes \(axes)")
                    }
                    let before = samples(Self.expected(0, +, dimensions, axes, x).count, seed: 4)
                    let y = with(set) { Self.reduce(ballast_sum, dimensions, axes, x, scale: 0.5, adding: before) }
                    let sums = zip(Self.expected(0, +, dimensions, axes, x), before).map { $0 / 2 + Double($1) }
                    #expect(
                        difference(y, sums, tolerance: 5e-7, scale: scale) == nil, "added, \(dimensions), axes \(axes)")
                }
            }
        }

        @Test("Long reductions match loops, with the same bits for one and two threads", arguments: instructionSets)
        func threads(set: String) {
            for (dimensions, axes) in [
                ([300_007], UInt32(1)), ([40_000, 3], 1), ([40_000, 3], 2), ([3, 40_000], 2), ([200, 1000], 1),
                ([1000, 200], 2),
                ([16, 32, 300], 0b101), ([128, 4, 400], 0b101), ([2, 70_000, 2], 0b010), ([20, 20, 20, 20], 0b1010),
                ([20, 20, 20, 20], 0b0101),
            ] {
                let x = samples(dimensions.reduce(1, *))
                for (name, reduction, identity, step) in Self.reductions {
                    let one = with(set, threads: 1) { Self.reduce(reduction, dimensions, axes, x) }
                    let two = with(set, threads: 2) { Self.reduce(reduction, dimensions, axes, x) }
                    #expect(sameBits(one, two), "\(name), \(dimensions), axes \(axes)")
                    let expected = Self.expected(identity, step, dimensions, axes, x)
                    let scale = Double(x.count / one.count).squareRoot()
                    #expect(
                        difference(one, expected, tolerance: 1e-6, scale: scale) == nil,
                        "\(name), \(dimensions), axes \(axes)")
                }
            }
        }

        @Test("A sum of ten million numbers is as good as pairwise summation", arguments: instructionSets)
        func precision(set: String) {
            let x = [Float](repeating: 0.1, count: 10_000_000)
            let sum = with(set) { Self.reduce(ballast_sum, [x.count], 1, x)[0] }
            #expect(abs(Double(sum) / (Double(Float(0.1)) * 1e7) - 1) < 1e-7 * log2(1e7), "\(sum)")
        }

        @Test("NaN is the result wherever it stands", arguments: instructionSets)
        func nans(set: String) {
            for count in [1, 5, 17, 200] {
                for position in [0, count / 2, count - 1] {
                    var x = samples(count)
                    x[position] = .nan
                    for (name, reduction, _, _) in Self.reductions {
                        let all = with(set) { Self.reduce(reduction, [count], 1, x) }
                        #expect(all[0].isNaN, "\(name), NaN at \(position) of \(count)")
                        let columns = with(set) { Self.reduce(reduction, [2, count], 1, samples(count) + x) }
                        #expect(
                            columns.indices.allSatisfy { columns[$0].isNaN == ($0 == position) },
                            "\(name), columns of [2, \(count)]")
                    }
                }
            }
        }

        @Test("The position is that of the first largest element, or of the first NaN", arguments: instructionSets)
        func positions(set: String) {
            for columns in lengths.dropFirst() {
                var x = samples(50 * columns).map { ($0 * 4).rounded() }
                x[3 * columns + columns / 2] = .nan
                for i in 0..<columns { x[7 * columns + i] = -.infinity }
                let expected = (0..<50).map { row -> Int32 in
                    let values = Array(x[row * columns..<(row + 1) * columns])
                    return Int32(values.firstIndex(where: \.isNaN) ?? values.firstIndex(of: values.max() ?? 0) ?? -1)
                }
                var index = [Int32](repeating: -1, count: 50)
                with(set) { ballast_argmax(50, columns, x, &index) }
                #expect(mismatch(index, expected) == nil, "\(columns) columns")
            }
        }
    }
}
