import Foundation
import Tensors
import Testing

/// Gamma, beta and Dirichlet draws against the distribution functions of scipy.
@Suite struct GammaTests {
    /// A distribution of Fixtures/distributions.json.
    struct Distribution: Decodable, Sendable, CustomTestStringConvertible {
        /// One: a gamma distribution. Two: a beta distribution.
        let parameters: [Float]
        let mean: Double
        let variance: Double
        /// Numbers, and the probability of a draw that is not greater.
        let points: [[Double]]

        var testDescription: String { (parameters.count == 1 ? "gamma" : "beta") + " \(parameters)" }

        /// What is wrong with some draws; empty if nothing is.
        func violations(of draws: [Float]) -> [String] {
            let count = Double(draws.count)
            var violations: [String] = []
            let mean = draws.reduce(0) { $0 + Double($1) } / count
            if abs(mean - self.mean) > 5 * (variance / count).squareRoot() {
                violations.append("the mean is \(mean), not \(self.mean)")
            }
            // The Kolmogorov-Smirnov distance, of which 1.95 / √n is the quantile 0.999.
            let sorted = draws.sorted()
            for point in points {
                let below = sorted.partitioningIndex { $0 > Float(point[0]) }
                let distance = abs(Double(below) / count - point[1])
                if distance > 1.95 / count.squareRoot() {
                    violations.append("\(point[0]): the share of draws below is off by \(distance)")
                }
            }
            return violations
        }
    }

    static let distributions: [Distribution] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/distributions.json")
        return (try? JSONDecoder().decode([Distribution].self, from: Data(contentsOf: file))) ?? []
    }()

    private static let stream = RandomStream(seed: 3, purpose: "gamma")

    @Test func `the fixtures are there`() { #expect(GammaTests.distributions.count == 24) }

    @Test(arguments: GammaTests.distributions)
    func `draws have the mean and the distribution function`(distribution: Distribution) {
        let parameters = distribution.parameters
        let draws =
            parameters.count == 1
            ? Tensor.gamma([20_000], alpha: parameters[0], from: GammaTests.stream)
            : Tensor.beta([20_000], alpha: parameters[0], beta: parameters[1], from: GammaTests.stream)
        #expect(draws.scalars.allSatisfy { $0 >= 0 && $0.isFinite && (parameters.count == 1 || $0 <= 1) })
        #expect(distribution.violations(of: draws.scalars) == [])
    }

    @Test(arguments: [0.4, 2.5, 30] as [Float])
    func `gamma draws have the variance of the distribution, and neighbours are independent`(alpha: Float) {
        let count = 100_000
        let draws = Tensor.gamma([count], alpha: alpha, from: GammaTests.stream.at(1)).scalars.map(Double.init)
        let (n, mean) = (Double(count), Double(alpha))
        let squares = draws.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / n
        // The fourth central moment is 3 α² + 6 α.
        #expect(abs(squares - mean) < 5 * ((2 * mean * mean + 6 * mean) / n).squareRoot())
        let pairs = zip(draws, draws.dropFirst()).reduce(0) { $0 + ($1.0 - mean) * ($1.1 - mean) } / n
        #expect(abs(pairs) < 5 * mean / n.squareRoot())
    }

    @Test(arguments: [[0.2, 0.4], [1, 5], [1, 2, 3]] as [[Float]])
    func `rows of a Dirichlet tensor add up to one, and their columns are beta`(alphas: [Float]) {
        let rows = Tensor.dirichlet(20_000, alphas: alphas, from: GammaTests.stream.at(2))
        #expect(rows.shape == [20_000, alphas.count])
        #expect(rows.sum(axes: [1]).scalars.allSatisfy { abs($0 - 1) < 1e-6 })
        let total = alphas.reduce(0, +)
        var checked = 0
        for (column, alpha) in alphas.enumerated() {
            let margin = Tensor([alpha, total - alpha])
            let candidates = GammaTests.distributions.filter { Tensor($0.parameters).isClose(to: margin) }
            guard let distribution = candidates.first else { continue }
            checked += 1
            #expect(distribution.violations(of: rows.slice(axis: 1, column..<column + 1).scalars) == [])
        }
        #expect(checked > 0)
        // Cov(x_i, x_j) = -α_i α_j / (s² (s + 1)), whose estimate deviates by less than 1 / √n.
        let centered = rows - rows.mean(axes: [0])
        let covariance = (centered.slice(axis: 1, 0..<1) * centered.slice(axis: 1, 1..<2)).mean().item
        let expected = -alphas[0] * alphas[1] / (total * total * (total + 1))
        #expect(abs(covariance - expected) < 5 * 0.25 / Float(20_000).squareRoot())
    }

    @Test func `a draw depends on seed, purpose, index and element alone`() {
        let stream = GammaTests.stream.at(7)
        let gammas = Tensor.gamma([40, 25], alpha: 0.7, from: stream)
        let betas = Tensor.beta([1000], alpha: 0.7, beta: 2, from: stream)
        let rows = Tensor.dirichlet(1000, alphas: [0.7, 2, 1], from: stream)
        for element in [999, 0, 500, 3] {
            #expect(stream.gamma(0.7, element: element) == gammas.scalars[element])
            #expect(stream.beta(0.7, 2, element: element) == betas.scalars[element])
            #expect(stream.dirichlet([0.7, 2, 1], element: element) == rows[element].scalars)
        }
        let again = RandomStream(seed: 3, purpose: "gamma").at(7)
        #expect(Tensor.gamma([40, 25], alpha: 0.7, from: again).hasSameBits(as: gammas))
        for other in [GammaTests.stream.at(8), RandomStream(seed: 4, purpose: "gamma").at(7)] {
            #expect(!Tensor.gamma([40, 25], alpha: 0.7, from: other).hasSameBits(as: gammas))
        }
        #expect(Set(gammas.scalars).count == 1000)
    }

    @Test func `draws have the same bits with one thread and with several`() {
        func draws() -> [Tensor] {
            [
                .gamma([5000], alpha: 1.5, from: GammaTests.stream),
                .dirichlet(1000, alphas: [0.1, 0.2, 0.3], from: GammaTests.stream),
            ]
        }
        let count = Kernels.threadCount
        defer { Kernels.threadCount = count }
        Kernels.threadCount = 1
        let alone = draws()
        Kernels.threadCount = 4
        for (first, second) in zip(alone, draws()) { #expect(first.hasSameBits(as: second)) }
    }

    @Test func `tiny parameters give zeros and ones, and no NaN`() {
        for alpha in [Float.leastNormalMagnitude, 1e-30, 1e-10, 1e-4] {
            let draws = Tensor.beta([2000], alpha: alpha, beta: alpha, from: GammaTests.stream).scalars
            #expect(draws.allSatisfy { $0 >= 0 && $0 <= 1 })
            let ones = draws.count { $0 > 0.5 }
            #expect(abs(ones - 1000) < 5 * 23, "\(alpha): \(ones) of 2000 draws are near 1")
            let row = GammaTests.stream.dirichlet([alpha, alpha, alpha])
            #expect(row.allSatisfy { $0.isFinite } && abs(row.reduce(0, +) - 1) < 1e-6)
            #expect(GammaTests.stream.gamma(alpha) >= 0)
        }
        let large = GammaTests.stream.gamma(1e30)
        #expect(large.isFinite && abs(large / 1e30 - 1) < 1e-5)
        #expect(Tensor.gamma([0, 3], alpha: 1, from: GammaTests.stream).shape == [0, 3])
    }
}

extension [Float] {
    /// The first index for which a predicate holds, given that it holds for all after it.
    fileprivate func partitioningIndex(where predicate: (Float) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
