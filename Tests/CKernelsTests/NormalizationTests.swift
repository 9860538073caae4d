import CKernels
import Foundation
import Testing

/// A normalization in double precision, straight from the formulas.
struct NormReference {
    let shape: ballast_norm_shape
    var count: Int { shape.outer * shape.groups * shape.inner }
    var parts: Int { shape.inner / shape.affine_inner }
    var entries: Int { shape.affine_groups * parts }

    func group(_ i: Int) -> Int { i / shape.inner % shape.groups }
    func entry(_ i: Int) -> Int { group(i) % shape.affine_groups * parts + i % shape.inner / shape.affine_inner }

    /// Means by group of a quantity of each element.
    func means(_ value: (Int) -> Double) -> [Double] {
        var sums = [Double](repeating: 0, count: shape.groups)
        for i in 0..<count { sums[group(i)] += value(i) }
        return sums.map { $0 / Double(shape.outer * shape.inner) }
    }

    func moments(_ x: [Float]) -> (mean: [Double], variance: [Double]) {
        let mean = means { Double(x[$0]) }
        return (mean, means { (Double(x[$0]) - mean[group($0)]) * (Double(x[$0]) - mean[group($0)]) })
    }

    func gradients(
        centered: Bool, fixed: Bool, x: [Float], mean: [Float]?, inverse: [Float], weight: [Float]?, dy: [Float]
    ) -> (dx: [Double], dweight: [Double], dbias: [Double]) {
        let normal = (0..<count).map { (Double(x[$0]) - Double(mean?[group($0)] ?? 0)) * Double(inverse[group($0)]) }
        let weighted = (0..<count).map { Double(dy[$0]) * Double(weight?[entry($0)] ?? 1) }
        let meanOfGradient = means { weighted[$0] }
        let meanOfProduct = means { weighted[$0] * normal[$0] }
        var (dweight, dbias) = ([Double](repeating: 0, count: entries), [Double](repeating: 0, count: entries))
        let dx = (0..<count).map { i -> Double in
            dweight[entry(i)] += Double(dy[i]) * normal[i]
            dbias[entry(i)] += Double(dy[i])
            var d = weighted[i]
            if !fixed { d -= (centered ? meanOfGradient[group(i)] : 0) + normal[i] * meanOfProduct[group(i)] }
            return d * Double(inverse[group(i)])
        }
        return (dx, dweight, dbias)
    }
}

extension KernelTests {
    @Suite struct Normalization {
        /// Large numbers that differ little: their squares, and the rounding of their mean, would drown the variance.
        @Test(arguments: instructionSets)
        func `The variance of close numbers far from zero is accurate`(instructionSet: String) {
            let shapes = [
                Self.shape(1, 1, 3, 1, 1), Self.shape(3, 1, 1, 1, 1), Self.shape(1, 4, 300, 1, 1),
                Self.shape(700, 2, 50, 2, 50), Self.shape(70_000, 3, 1, 3, 1), Self.shape(2, 1, 70_000, 1, 70_000),
            ]
            for reference in shapes {
                let x = (0..<reference.count).map { 10_000 + Float($0 * 7 % 3) * 0.001 }
                let expected = reference.moments(x)
                let (mean, variance) = with(instructionSet, threads: 2) { moments(of: x, reference.shape) }
                #expect(difference(mean, expected.mean, tolerance: 1e-7) == nil, "\(instructionSet) \(reference.shape)")
                let problem = difference(variance, expected.variance, tolerance: 1e-4, scale: 0)
                #expect(problem == nil, "\(instructionSet) \(reference.shape)")
            }
        }

        @Test(arguments: instructionSets)
        func `Sums that overflow do not spoil a mean or a variance that does not`(instructionSet: String) {
            for (outer, groups, inner) in [(1, 2, 37), (37, 2, 1), (9, 2, 60), (1, 1, 9000)] {
                let reference = Self.shape(outer, groups, inner, 1, 1)
                for x in [
                    [Float](repeating: 1e38, count: reference.count),
                    (0..<reference.count).map { $0 % 2 == 0 ? 3e38 : 1e38 },
                    (0..<reference.count).map { $0 % 3 == 0 ? -1e38 : 1e38 },
                ] {
                    let expected = reference.moments(x)
                    let (mean, variance) = with(instructionSet) { moments(of: x, reference.shape) }
                    #expect(
                        difference(mean, expected.mean, tolerance: 1e-6, scale: 1e38) == nil,
                        "\(instructionSet) \(reference.shape)")
                    for (actual, expected) in zip(variance, expected.variance) {
                        #expect(actual == (expected == 0 ? 0 : .infinity), "beyond the largest float, but not NaN")
                    }
                }
                let x = (0..<reference.count).map { Float($0 % 2) * 2e19 }  // squares overflow, but for their mean
                let expected = reference.moments(x)
                guard inner > 1 else { continue }
                let variance = with(instructionSet) { moments(of: x, reference.shape).variance }
                #expect(difference(variance, expected.variance, tolerance: 1e-5, scale: 1e38) == nil)
            }
        }

        /// Means and variances of groups, as the kernel has them.
        private func moments(of x: [Float], _ shape: ballast_norm_shape) -> (mean: [Float], variance: [Float]) {
            var shape = shape
            var mean = [Float](repeating: .nan, count: shape.groups)
            var variance = mean
            ballast_moments(&shape, x, &mean, &variance)
            return (mean, variance)
        }

        static func shape(_ outer: Int, _ groups: Int, _ inner: Int, _ affineGroups: Int, _ affineInner: Int)
            -> NormReference
        {
            NormReference(
                shape: ballast_norm_shape(
                    outer: outer, groups: groups, inner: inner, affine_groups: affineGroups, affine_inner: affineInner))
        }

        /// Batch norm of matrices and images, layer norm; then layer and batch, group and instance, and odd mixtures.
        static let references: [NormReference] =
            lengths.dropFirst().flatMap { [shape(5, $0, 1, $0, 1), shape(2, 3, $0, 3, $0), shape(1, 4, $0, 1, 1)] } + [
                shape(128, 256, 1, 256, 1), shape(1, 33, 256, 1, 1), shape(16, 7, 100, 7, 100),
                shape(1, 12, 60, 3, 20), shape(1, 12, 6, 3, 1), shape(1, 12, 20, 6, 20),
                shape(7, 12, 1, 4, 1), shape(3, 12, 6, 4, 1), shape(300, 5, 1, 5, 1), shape(2, 3, 5000, 3, 5000),
            ]

        static let large: [NormReference] = [
            shape(3000, 70, 1, 70, 1), shape(64, 5, 784, 5, 784), shape(1, 700, 256, 1, 1), shape(1, 64, 4000, 8, 500),
            shape(20_000, 3, 2, 3, 2),
        ]

        struct Results {
            var (mean, variance, squares, y, fixed): ([Float], [Float], [Float], [Float], [Float]) = (
                [], [], [], [], []
            )
            var (dx, dweight, dbias): ([Float], [Float], [Float]) = ([], [], [])
            var all: [[Float]] { [mean, variance, squares, y, fixed, dx, dweight, dbias] }
        }

        struct Inputs {
            let (x, dy, weight, bias, before, centered): ([Float], [Float], [Float], [Float], [Float], Bool)

            init(_ reference: NormReference, centered: Bool) {
                (x, dy) = (samples(reference.count).map { $0 + 3 }, samples(reference.count, seed: 2))
                (weight, bias) = (samples(reference.entries, seed: 3), samples(reference.entries, seed: 4))
                before = samples(reference.count, seed: 5)
                self.centered = centered
            }
        }

        static func run(_ reference: NormReference, _ inputs: Inputs) -> Results {
            var shape = reference.shape
            var results = Results()
            let (mean, variance, squares) = (
                Unaligned(count: shape.groups), Unaligned(count: shape.groups), Unaligned(count: shape.groups)
            )
            ballast_moments(&shape, inputs.x, mean.pointer, variance.pointer)
            ballast_mean_of_squares(&shape, inputs.x, squares.pointer)
            let spread = inputs.centered ? variance : squares
            let inverse = spread.values.map { 1 / ($0 + 1e-5).squareRoot() }
            let used = inputs.centered ? mean.pointer : nil
            let (y, fixed, dx) = (
                Unaligned(count: reference.count), Unaligned(count: reference.count), Unaligned(inputs.before)
            )
            let (dweight, dbias) = (Unaligned(inputs.weight), Unaligned(count: reference.entries))
            ballast_normalize(&shape, inputs.x, used, inverse, inputs.weight, inputs.bias, y.pointer)
            ballast_normalize_gradient(
                &shape, inputs.centered, false, inputs.x, used, inverse, inputs.weight, inputs.dy, dx.pointer, true,
                dweight.pointer, true, dbias.pointer, false)
            ballast_normalize_gradient(
                &shape, inputs.centered, true, inputs.x, used, inverse, nil, inputs.dy, fixed.pointer, false, nil,
                false, nil, false)
            #expect([mean, variance, squares, y, fixed, dx, dweight, dbias].allSatisfy { $0.isIntact }, "\(shape)")
            (results.mean, results.variance, results.squares) = (mean.values, variance.values, squares.values)
            (results.y, results.fixed, results.dx) = (y.values, fixed.values, dx.values)
            (results.dweight, results.dbias) = (dweight.values, dbias.values)
            return results
        }

        static func check(_ reference: NormReference, _ inputs: Inputs, _ results: Results) {
            let moments = reference.moments(inputs.x)
            let name: Comment = "\(reference.shape), centered: \(inputs.centered)"
            #expect(difference(results.mean, moments.mean, tolerance: 1e-6) == nil, name)
            #expect(difference(results.variance, moments.variance, tolerance: 3e-6) == nil, name)
            let squares = reference.means { Double(inputs.x[$0]) * Double(inputs.x[$0]) }
            #expect(difference(results.squares, squares, tolerance: 1e-6) == nil, name)
            let mean = inputs.centered ? results.mean : nil
            let inverse = (inputs.centered ? results.variance : results.squares).map { 1 / ($0 + 1e-5).squareRoot() }
            let y = (0..<reference.count).map { i -> Double in
                let deviation = Double(inputs.x[i]) - Double(mean?[reference.group(i)] ?? 0)
                let entry = reference.entry(i)
                return deviation * Double(inverse[reference.group(i)]) * Double(inputs.weight[entry])
                    + Double(inputs.bias[entry])
            }
            #expect(difference(results.y, y, tolerance: 1e-6, scale: 3) == nil, name)
            let expected = reference.gradients(
                centered: inputs.centered, fixed: false, x: inputs.x, mean: mean, inverse: inverse,
                weight: inputs.weight, dy: inputs.dy)
            let dx = zip(expected.dx, inputs.before).map { $0 + Double($1) }
            let scale = Double(inverse.max() ?? 1) * 3
            #expect(difference(results.dx, dx, tolerance: 2e-6, scale: scale) == nil, name)
            let terms = Double(reference.count / reference.entries).squareRoot() * 3
            let dweight = zip(expected.dweight, inputs.weight).map { $0 + Double($1) }
            #expect(difference(results.dweight, dweight, tolerance: 2e-6, scale: terms) == nil, name)
            #expect(difference(results.dbias, expected.dbias, tolerance: 2e-6, scale: terms) == nil, name)
            let fixed = (0..<reference.count).map { Double(inputs.dy[$0]) * Double(inverse[reference.group($0)]) }
            #expect(difference(results.fixed, fixed, tolerance: 1e-6, scale: 1e-3) == nil, name)
        }

        @Test("Statistics, values and gradients match double precision", arguments: instructionSets)
        func values(set: String) {
            for reference in Self.references {
                for centered in [true, false] {
                    let inputs = Inputs(reference, centered: centered)
                    Self.check(reference, inputs, with(set) { Self.run(reference, inputs) })
                }
            }
        }

        @Test("Large shapes match too, with the same bits for one and two threads", arguments: instructionSets)
        func threads(set: String) {
            for reference in Self.large {
                let inputs = Inputs(reference, centered: true)
                let one = with(set, threads: 1) { Self.run(reference, inputs) }
                let two = with(set, threads: 2) { Self.run(reference, inputs) }
                #expect(zip(one.all, two.all).allSatisfy { sameBits($0, $1) }, "\(reference.shape)")
                Self.check(reference, inputs, one)
            }
        }

        @Test("The variance survives a large mean", arguments: instructionSets)
        func largeMeans(set: String) {
            for reference in [
                Self.shape(1000, 20, 1, 20, 1), Self.shape(20, 3, 300, 3, 300), Self.shape(1, 4, 10_000, 1, 1),
            ] {
                let x = samples(reference.count).map { $0 + 10_000 }
                var shape = reference.shape
                var (mean, variance) = (
                    [Float](repeating: 0, count: shape.groups), [Float](repeating: 0, count: shape.groups)
                )
                with(set) { ballast_moments(&shape, x, &mean, &variance) }
                #expect(
                    difference(variance, reference.moments(x).variance, tolerance: 1e-4, scale: 0.1) == nil, "\(shape)")
            }
        }

        @Test("NaN in one group stays there", arguments: instructionSets)
        func nans(set: String) {
            for reference in [Self.shape(5, 20, 1, 20, 1), Self.shape(3, 20, 33, 20, 33)] {
                var x = samples(reference.count)
                x[7 * reference.shape.inner] = .nan
                var shape = reference.shape
                var (mean, variance) = ([Float](repeating: 0, count: 20), [Float](repeating: 0, count: 20))
                with(set) { ballast_moments(&shape, x, &mean, &variance) }
                #expect((0..<20).allSatisfy { mean[$0].isNaN == ($0 == 7) && variance[$0].isNaN == ($0 == 7) })
            }
        }
    }
}
