import CKernels
import Foundation
import Testing

extension KernelTests {
    @Suite struct Softmax {
        static let shapes = lengths.dropFirst().map { (3, $0) } + [(0, 10), (1, 1), (128, 10), (35, 1000), (2, 5000)]

        /// Softmax and its logarithm of one row in double precision.
        static func reference(_ row: ArraySlice<Float>) -> (softmax: [Double], logarithm: [Double]) {
            let values = row.map(Double.init)
            let largest = values.max() ?? 0
            let sum = values.map { exp($0 - largest) }.reduce(0, +)
            return (values.map { exp($0 - largest) / sum }, values.map { $0 - largest - log(sum) })
        }

        static func rows(_ x: [Float], _ columns: Int) -> [ArraySlice<Float>] {
            stride(from: 0, to: x.count, by: columns).map { x[$0..<$0 + columns] }
        }

        @Test("Softmax, its logarithm and both gradients match double precision", arguments: instructionSets)
        func softmax(set: String) {
            for (rows, columns) in Self.shapes {
                let count = rows * columns
                let x = samples(count).map { $0 * 12 }
                let dy = samples(count, seed: 2)
                let before = samples(count, seed: 3)
                let expected = Self.rows(x, columns).map(Self.reference)
                let (y, logarithm) = (Unaligned(count: count), Unaligned(count: count))
                let (dx, dxLogarithm) = (Unaligned(before), Unaligned(before))
                with(set) {
                    ballast_softmax(rows, columns, 0, x, y.pointer)
                    ballast_log_softmax(rows, columns, x, logarithm.pointer)
                    ballast_softmax_gradient(rows, columns, y.pointer, dy, true, dx.pointer)
                    ballast_log_softmax_gradient(rows, columns, logarithm.pointer, dy, true, dxLogarithm.pointer)
                }
                var (gradient, gradientOfLogarithm): ([Double], [Double]) = ([], [])
                for row in 0..<rows {
                    let part = dy[row * columns..<(row + 1) * columns].map(Double.init)
                    let softmax = expected[row].softmax
                    let product = zip(part, softmax).map(*).reduce(0, +)
                    let sum = part.reduce(0, +)
                    for i in 0..<columns {
                        let old = Double(before[row * columns + i])
                        gradient.append(old + softmax[i] * (part[i] - product))
                        gradientOfLogarithm.append(old + part[i] - softmax[i] * sum)
                    }
                }
                let name: Comment = "[\(rows), \(columns)]"
                #expect(difference(y.values, expected.flatMap(\.softmax), tolerance: 1e-6, scale: 1e-6) == nil, name)
                #expect(difference(logarithm.values, expected.flatMap(\.logarithm), tolerance: 1e-6) == nil, name)
                #expect(difference(dx.values, gradient, tolerance: 1e-6) == nil, name)
                #expect(difference(dxLogarithm.values, gradientOfLogarithm, tolerance: 4e-6) == nil, name)
                #expect(y.isIntact && logarithm.isIntact && dx.isIntact && dxLogarithm.isIntact, name)
            }
        }

        @Test("A causal softmax sees up to its own position", arguments: instructionSets)
        func causal(set: String) {
            for (rows, columns, causal) in [(10, 5, 5), (6, 20, 3), (40, 35, 20), (4, 1, 1)] {
                let x = samples(rows * columns)
                let y = Unaligned(count: rows * columns)
                with(set) { ballast_softmax(rows, columns, causal, x, y.pointer) }
                let expected = (0..<rows).flatMap { row -> [Double] in
                    let seen = row % causal + columns - causal + 1
                    let part = Self.reference(x[row * columns..<row * columns + seen]).softmax
                    return part + [Double](repeating: 0, count: columns - seen)
                }
                #expect(difference(y.values, expected, tolerance: 1e-6) == nil, "[\(rows), \(columns)], \(causal)")
                #expect(y.isIntact)
            }
        }

        @Test("Huge, infinite and NaN logits", arguments: instructionSets)
        func specials(set: String) {
            with(set) {
                for columns in [2, 17, 70] {
                    var x = [Float](repeating: -.infinity, count: columns)
                    x[columns - 1] = 1e30
                    var y = [Float](repeating: .nan, count: columns)
                    ballast_softmax(1, columns, 0, x, &y)
                    #expect(y[columns - 1] == 1 && y.dropLast().allSatisfy { $0 == 0 }, "\(columns) columns")
                    x[0] = .nan
                    ballast_softmax(1, columns, 0, x, &y)
                    #expect(y.allSatisfy { $0.isNaN }, "\(columns) columns")
                    var loss: Float = 0
                    ballast_cross_entropy(1, columns, x, [0], &loss, &y)
                    #expect(loss.isNaN, "\(columns) columns")
                }
            }
        }

        @Test("Cross-entropy with labels and with probabilities, and the gradients", arguments: instructionSets)
        func crossEntropy(set: String) {
            for (rows, columns) in Self.shapes {
                let count = rows * columns
                let x = samples(count).map { $0 * 8 }
                let labels = (0..<rows).map { Int32($0 * 7 % columns) }
                let targets = samples(count, seed: 5).map { abs($0) / Float(columns) }
                let dy = samples(max(1, rows), seed: 6)
                let before = samples(count, seed: 7)
                let reference = Self.rows(x, columns).map(Self.reference)
                let (loss, softLoss) = (Unaligned(count: rows), Unaligned(count: rows))
                let (y, softY, dx, softDx) = (
                    Unaligned(count: count), Unaligned(count: count), Unaligned(before), Unaligned(count: count)
                )
                with(set) {
                    ballast_cross_entropy(rows, columns, x, labels, loss.pointer, y.pointer)
                    ballast_soft_cross_entropy(rows, columns, x, targets, softLoss.pointer, softY.pointer)
                    ballast_cross_entropy_gradient(rows, columns, y.pointer, labels, dy, false, 0.5, true, dx.pointer)
                    ballast_soft_cross_entropy_gradient(
                        rows, columns, softY.pointer, targets, dy, true, 2, false, softDx.pointer)
                }
                var (losses, softLosses): ([Double], [Double]) = ([], [])
                var (gradient, softGradient): ([Double], [Double]) = ([], [])
                for row in 0..<rows {
                    let target = targets[row * columns..<(row + 1) * columns].map(Double.init)
                    let (softmax, logarithm) = reference[row]
                    losses.append(-logarithm[Int(labels[row])])
                    softLosses.append(-zip(target, logarithm).map(*).reduce(0, +))
                    for i in 0..<columns {
                        let hot: Double = i == Int(labels[row]) ? 1 : 0
                        gradient.append(Double(before[row * columns + i]) + Double(dy[row]) * 0.5 * (softmax[i] - hot))
                        softGradient.append(Double(dy[0]) * 2 * (softmax[i] * target.reduce(0, +) - target[i]))
                    }
                }
                let name: Comment = "[\(rows), \(columns)]"
                #expect(difference(y.values, reference.flatMap(\.softmax), tolerance: 1e-6) == nil, name)
                #expect(difference(softY.values, reference.flatMap(\.softmax), tolerance: 1e-6) == nil, name)
                #expect(difference(loss.values, losses, tolerance: 1e-6) == nil, name)
                #expect(difference(softLoss.values, softLosses, tolerance: 2e-6) == nil, name)
                #expect(difference(dx.values, gradient, tolerance: 1e-6) == nil, name)
                #expect(difference(softDx.values, softGradient, tolerance: 1e-6) == nil, name)
                #expect([loss, softLoss, y, softY, dx, softDx].allSatisfy { $0.isIntact }, name)
            }
        }

        @Test("One and two threads give the same bits", arguments: instructionSets)
        func threads(set: String) {
            let (rows, columns) = (5003, 37)
            let x = samples(rows * columns)
            let labels = (0..<rows).map { Int32($0 % columns) }
            let results = [Int32(1), 2].map { count in
                with(set, threads: count) { () -> [[Float]] in
                    var (y, loss) = ([Float](repeating: 0, count: x.count), [Float](repeating: 0, count: rows))
                    var (probabilities, dx) = (y, y)
                    ballast_softmax(rows, columns, columns, x, &y)
                    ballast_cross_entropy(rows, columns, x, labels, &loss, &probabilities)
                    ballast_cross_entropy_gradient(rows, columns, probabilities, labels, [1], true, 1, false, &dx)
                    return [y, loss, probabilities, dx]
                }
            }
            for (one, two) in zip(results[0], results[1]) { #expect(sameBits(one, two)) }
        }
    }
}
