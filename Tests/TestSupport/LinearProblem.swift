package import Ballast

/// A linear regression whose regularized optimum scikit-learn has found; the data term is half the mean squared error.
package struct LinearProblem: Decodable {
    private let inputs: [[Float]]
    private let targets: [Float]
    /// The strength in scikit-learn's units.
    package let strength: Float
    /// The optimum.
    package let coefficients: [Float]
    /// The optimum's offset, which is not regularized.
    package let intercept: Float

    /// Trains with plain gradient descent on all rows, and returns the weights and the bias.
    package func solve(
        steps: Int, learningRate: Float, schedule: Schedule = .constant,
        @CompositionBuilder _ techniques: () -> [any Technique]
    ) throws -> (weights: [Float], bias: Float) {
        let trainer = Trainer(
            Sequential { Linear(1, weight: .zeros, biasInitial: .zeros) }, loss: .meanSquaredError(scale: 0.5),
            optimizer: SGD(learningRate: learningRate), schedule: schedule, batchSize: inputs.count,
            composition: Composition(techniques()))
        let run = try trainer.fit(Dataset(inputs: inputs, targets: targets.map { [$0] }), epochs: steps)
        return (run.variables["linear1.weight"]?.scalars ?? [], run.variables["linear1.bias"]?.item ?? .nan)
    }

    /// Sentences for what differs from the optimum.
    package func differences(from solution: (weights: [Float], bias: Float), tolerance: Float = 1e-3) -> [String] {
        var sentences: [String] = []
        for (index, (got, expected)) in zip(solution.weights + [solution.bias], coefficients + [intercept]).enumerated()
        where !((got - expected).magnitude <= tolerance) {
            sentences.append("coefficient \(index) is \(got), expected \(expected)")
        }
        return sentences
    }
}

/// What a penalty makes of one matrix of weights: its value, and its gradient as a step of plain gradient descent
/// shows it on a model whose data gives the weights no gradient of their own.
package func penalty(of technique: any Technique, at weights: Tensor) throws -> (value: Double, gradient: Tensor) {
    let model = Sequential { Linear(weights.shape[1], weight: .values(weights.scalars), biasInitial: .zeros) }
    let trainer = Trainer(
        model, loss: .meanSquaredError, optimizer: SGD(learningRate: 1), batchSize: 1,
        composition: Composition([technique]))
    let data = try Dataset(
        inputs: [Array(repeating: 0, count: weights.shape[0])], targets: [Array(repeating: 0, count: weights.shape[1])])
    let run = try trainer.fit(data, epochs: 1)
    let after = run.variables["linear1.weight"] ?? weights
    return (run.history[0].penalties[0].value, weights - after)
}
