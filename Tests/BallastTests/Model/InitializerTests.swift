import Ballast
import Foundation
import Tensors
import Testing

/// The initializers: their moments, their bounds, and the formulas of `torch.nn.init`.
@Suite struct InitializerTests {
    /// The shape of each case of the fixtures; both fans differ. A matrix is `[in, out]`, PyTorch's `[17, 33]`.
    private static let shapes: [String: Shape] = ["matrix": [33, 17], "convolution": [12, 5, 3, 7]]

    private static let uniforms: [String: Initializer] = [
        "xavierUniform": .xavierUniform(), "xavierUniformTanh": .xavierUniform(gain: 5 / 3),
        "heUniform": .heUniform(), "lecunUniform": .lecunUniform,
    ]

    private static let normals: [String: Initializer] = [
        "xavierNormal": .xavierNormal(), "heNormal": .heNormal(), "lecunNormal": .lecunNormal,
    ]

    /// What a run starts a parameter with.
    private func values(_ initializer: Initializer, _ shape: Shape, seed: UInt64 = 0) throws -> Tensor {
        let data = try Dataset(inputs: [[0]], targets: [[0]])
        let trainer = Trainer(
            Declaring(shape: shape.dimensions, initializer: initializer), loss: .meanSquaredError,
            optimizer: SGD(learningRate: 0))
        return try #require(trainer.start(data, epochs: 0, seed: seed).variables["weight"])
    }

    /// The stream that a parameter called `weight` of the model itself draws from.
    private func stream(seed: UInt64 = 0) -> RandomStream { RandomStream(seed: seed, purpose: "initial/weight") }

    // MARK: Formulas

    @Test(arguments: uniforms.keys.sorted(), ["matrix", "convolution"])
    func `the bounds are PyTorch's`(name: String, shapeName: String) throws {
        let bound = try TrainingFixtures("initializers").tensor(name, shapeName).scalars[0]
        let shape = try #require(Self.shapes[shapeName])
        let values = try values(#require(Self.uniforms[name]), shape)
        let expected = Tensor.uniform(shape, in: -bound..<bound, from: stream())
        expectAgreement(values, expected, within: 1e-6, "\(name) within ±\(bound)")
        #expect(values.scalars.allSatisfy { $0.magnitude <= bound.nextUp }, "\(name) within ±\(bound)")
    }

    @Test(arguments: normals.keys.sorted(), ["matrix", "convolution"])
    func `the standard deviations are PyTorch's`(name: String, shapeName: String) throws {
        let deviation = try TrainingFixtures("initializers").tensor(name, shapeName).scalars[0]
        let shape = try #require(Self.shapes[shapeName])
        let expected = Tensor.normal(shape, deviation: deviation, from: stream())
        try expectAgreement(
            values(#require(Self.normals[name]), shape), expected, within: 1e-6, "\(name) of deviation \(deviation)")
    }

    /// Weight and bias of a new layer, each within the bounds of `torch.nn`.
    @Test func `layers start with PyTorch's defaults`() throws {
        let fixtures = try TrainingFixtures("initializers")
        func check(_ layer: any Layer, _ input: Shape, _ name: String) throws {
            let data = try Dataset(
                inputs: Column(floats: Array(repeating: 0, count: input.elementCount), itemShape: input),
                targets: Column(integers: [0]))
            let run = try Trainer(
                Sequential([layer, Flatten()]), loss: .crossEntropy, optimizer: SGD(learningRate: 0)
            ).start(data, epochs: 0)
            let bounds = try fixtures.tensor("layers", name).scalars
            #expect(run.variables.entries.count == bounds.count)
            for (entry, bound) in zip(run.variables.entries, bounds) {
                let expected = Tensor.uniform(
                    entry.value.shape, in: -bound..<bound, from: RandomStream(seed: 0, purpose: "initial/" + entry.path)
                )
                expectAgreement(entry.value, expected, within: 1e-6, "\(entry.path) within ±\(bound)")
            }
        }
        try check(Linear(17), [33], "linear")
        try check(Conv2d(12, kernel: 3, groups: 2), [10, 8, 8], "conv")
        let deviation = try fixtures.tensor("layers", "embedding").scalars
        let weight = try values(Embedding(7, width: 3).weight, [7, 3])
        expectAgreement(weight, .normal([7, 3], deviation: deviation[0], from: stream()), "embedding")
    }

    @Test func `fans count inputs and outputs of one unit`() {
        func fans(_ shape: Shape) -> [Int] { [Initializer.fans(shape).input, Initializer.fans(shape).output] }
        #expect(fans([33, 17]) == [33, 17])
        #expect(fans([12, 5, 3, 7]) == [5 * 21, 12 * 21])
        #expect(fans([4, 3, 5]) == [15, 20])
        #expect(fans([9]) == [9, 9])
        #expect(fans([]) == [1, 1])
    }

    // MARK: Moments

    /// Mean and variance of many draws, within five standard errors of a distribution with a variance and a kurtosis.
    private func expectMoments(
        _ values: Tensor, mean: Double = 0, variance: Double, kurtosis: Double, _ what: String
    ) {
        let scalars = values.scalars.map(Double.init)
        let count = Double(scalars.count)
        let found = scalars.reduce(0, +) / count
        let foundVariance = scalars.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
        let meanError = 5 * (variance / count).squareRoot()
        #expect(abs(found - mean) < meanError, "\(what): mean \(found), expected \(mean) ± \(meanError)")
        let varianceError = 5 * variance * ((kurtosis - 1) / count).squareRoot()
        #expect(
            abs(foundVariance - variance) < varianceError,
            "\(what): variance \(foundVariance), expected \(variance) ± \(varianceError)")
    }

    /// Tanh's gain is 5/3; fan-in is 200 and fan-out 300 for the matrix, 90 and 450 for the convolution.
    @Test(arguments: [UInt64(1), 2, 3])
    func `variances are those of the papers`(seed: UInt64) throws {
        func check(
            _ name: String, _ initializer: Initializer, _ matrix: Double, _ convolution: Double, kurtosis: Double
        ) throws {
            expectMoments(
                try values(initializer, [200, 300], seed: seed), variance: matrix, kurtosis: kurtosis, "\(name), matrix"
            )
            expectMoments(
                try values(initializer, [50, 10, 3, 3], seed: seed), variance: convolution, kurtosis: kurtosis,
                "\(name), convolution")
        }
        let (uniform, normal) = (1.8, 3.0)
        try check("xavierUniform()", .xavierUniform(), 2 / 500, 2 / 540, kurtosis: uniform)
        try check("xavierUniform(gain: 2)", .xavierUniform(gain: 2), 8 / 500, 8 / 540, kurtosis: uniform)
        try check("xavierNormal()", .xavierNormal(), 2 / 500, 2 / 540, kurtosis: normal)
        try check("xavierNormal(gain: 2)", .xavierNormal(gain: 2), 8 / 500, 8 / 540, kurtosis: normal)
        try check("heUniform()", .heUniform(), 2 / 200, 2 / 90, kurtosis: uniform)
        try check("heNormal()", .heNormal(), 2 / 200, 2 / 90, kurtosis: normal)
        try check("lecunUniform", .lecunUniform, 1 / 200, 1 / 90, kurtosis: uniform)
        try check("lecunNormal", .lecunNormal, 1 / 200, 1 / 90, kurtosis: normal)
        try check("pytorch", .pytorch, 1 / 600, 1 / 270, kurtosis: uniform)
        try check("normal(deviation: 0.5)", .normal(deviation: 0.5), 0.25, 0.25, kurtosis: normal)
        try check("uniform(bound: 0.5)", .uniform(bound: 0.5), 1 / 12, 1 / 12, kurtosis: uniform)
    }

    @Test func `uniform values fill their bounds`() throws {
        let values = try values(.uniform(bound: 0.25), [100, 100]).scalars
        #expect(values.allSatisfy { $0.magnitude <= 0.25 })
        #expect((values.max() ?? 0) > 0.2495 && (values.min() ?? 0) < -0.2495)
    }

    @Test(arguments: [Float(0.5), 1, 2, 4])
    func `a truncated normal has its bounds and moments`(cut: Float) throws {
        let (mean, deviation) = (Float(-3), Float(0.25))
        let values = try values(.truncatedNormal(mean: mean, deviation: deviation, cut: cut), [200, 200])
        let limit = cut * deviation
        #expect(values.scalars.allSatisfy { ($0 - mean).magnitude <= limit * 1.000001 })
        // Of a standard normal cut at ±c, with mass Z = erf(c/√2) and density φ(c) at the cut.
        let c = Double(cut)
        let mass = erf(c / 2.0.squareRoot())
        let edge = 2 * exp(-c * c / 2) / (2 * Double.pi).squareRoot() / mass
        let variance = 1 - c * edge
        let fourth = 3 * variance - c * c * c * edge
        expectMoments(
            values, mean: Double(mean), variance: variance * Double(deviation * deviation),
            kurtosis: fourth / (variance * variance), "cut at \(cut)")
        #expect((values.scalars.map { ($0 - mean).magnitude }.max() ?? 0) > 0.8 * min(limit, 4 * deviation))
    }

    // MARK: Orthogonal

    @Test(
        arguments: [Shape([1, 1]), [7, 7], [17, 5], [5, 17], [33, 16], [6, 3, 3, 3], [40, 2, 3, 3]], [Float(1), 1.5])
    func `orthogonal rows or columns have the length of the gain`(shape: Shape, gain: Float) throws {
        let values = try values(.orthogonal(gain: gain), shape)
        let (rows, columns) = (shape[0], shape.elementCount / shape[0])
        let matrix = values.reshaped(to: [rows, columns])
        let product =
            rows <= columns ? matmul(matrix, matrix, transposeB: true) : matmul(matrix, matrix, transposeA: true)
        let size = min(rows, columns)
        var identity = [Float](repeating: 0, count: size * size)
        for index in 0..<size { identity[index * size + index] = gain * gain }
        expectAgreement(product, Tensor(identity, shape: [size, size]), within: 2e-6, "orthogonal \(shape)")
    }

    /// Every direction is equally likely: an element has mean 0, variance 1/n and, on a sphere, kurtosis 3n/(n + 2).
    @Test func `orthogonal matrices prefer no direction`() throws {
        let corners = try (0..<300).map { try values(.orthogonal(), [5, 5], seed: UInt64($0)).scalars }
        for element in [0, 4, 12, 24] {
            expectMoments(
                Tensor(corners.map { $0[element] }), variance: 1 / 5, kurtosis: 15 / 7, "element \(element)")
        }
    }

    // MARK: Given values and keys

    @Test func `constants and given values are what they say`() throws {
        #expect(try values(.zeros, [2, 2]).scalars == [0, 0, 0, 0])
        #expect(try values(.ones, [3]).scalars == [1, 1, 1])
        #expect(try values(.constant(-0.5), [2]).scalars == [-0.5, -0.5])
        #expect(try values(.values([1, 2, 3, 4, 5, 6]), [2, 3])[1].scalars == [4, 5, 6])
    }

    @Test func `draws depend on the seed and the path alone`() throws {
        let data = try Dataset(inputs: [[0, 0]], labels: [0])
        func weights(_ model: Sequential, seed: UInt64) throws -> Variables {
            try Trainer(model, loss: .crossEntropy, optimizer: SGD(learningRate: 0)).start(data, epochs: 0, seed: seed)
                .variables
        }
        let plain = Sequential {
            Linear(9).named("first")
            Linear(9).named("second")
        }
        let longer = Sequential {
            Linear(2).named("new")
            Linear(2).named("first")
            Linear(9).named("second")
        }
        let (one, other) = (try weights(plain, seed: 1), try weights(longer, seed: 1))
        #expect(one["second.bias"]?.scalars != one["first.bias"]?.scalars)
        #expect(try weights(plain, seed: 1)["second.weight"]?.scalars == one["second.weight"]?.scalars)
        #expect(try weights(plain, seed: 2)["second.weight"]?.scalars != one["second.weight"]?.scalars)
        let narrow = try #require(other["first.weight"]).scalars
        let wide = try #require(one["first.weight"]).scalars
        #expect(narrow == Array(wide[..<narrow.count]))
    }
}

/// A parameter, and nothing else.
private struct Declaring: Layer {
    let shape: [Int]
    let initializer: Initializer

    func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        _ = scope.parameter("weight", Shape(shape), initial: initializer)
        return x
    }
}
