package import Ballast

/// A training in a reference implementation: data, the order of the samples, and the variables before and after.
package struct TrainingReplay: Decodable, Sendable, CustomStringConvertible {
    /// What is trained.
    package let name: String
    private let inputs: String
    private let labels: String
    private let order: String
    private let batchSize: Int
    private let initial: [String: String]
    private let final: [String: String]

    package var description: String { name }

    /// Trains likewise, for one epoch of these batches on cross-entropy, and compares all variables at the end.
    ///
    /// - Returns: a sentence for each variable that differs by more than the tolerance relative to its greatest
    ///   magnitude, is missing, or is too much.
    package func differences(
        model: some Layer, optimizer: any Optimizer = SGD(learningRate: 0.05, momentum: 0.9), tolerance: Float = 1e-4,
        @CompositionBuilder _ techniques: () -> [any Technique]
    ) throws -> [String] {
        let trainer = Trainer(
            model, loss: .crossEntropy, optimizer: optimizer, batchSize: batchSize,
            composition: Composition(techniques()))
        let run = try trainer.start(data(), epochs: 1, seed: 0)
        var variables = run.variables
        guard Set(variables.entries.map(\.path)) == Set(initial.keys) else {
            return [
                "\(name): the variables are \(variables.entries.map(\.path).sorted()), not \(initial.keys.sorted())"
            ]
        }
        for index in variables.entries.indices {
            variables.entries[index].value = Tensor(fixture: initial[variables.entries[index].path] ?? "f 0 ")
        }
        try run.replaceVariables(variables)
        try run.finish()
        return run.variables.entries.compactMap { entry in
            let expected = Tensor(fixture: final[entry.path] ?? "f 0 ")
            let error = relativeError(entry.value, expected)
            guard !(error <= tolerance) else { return nil }
            return
                "\(name): after \(run.stepCount) steps \"\(entry.path)\" of shape \(entry.value.shape) differs by \(error) "
                + "(allowed: \(tolerance)): got \(entry.value.scalars.prefix(8)), expected \(expected.scalars.prefix(8))"
        }
    }

    private func data() throws -> Dataset {
        let inputs = Tensor(fixture: inputs)
        let labels = Tensor(fixture: labels).integers
        let order = ReplayedBatches.arranged(Tensor(fixture: order).integers.map(Int.init), seed: 0)
        let itemShape = Shape(inputs.shape.dropFirst())
        let width = itemShape.elementCount
        let values = inputs.scalars
        return try Dataset(
            inputs: Column(floats: order.flatMap { values[$0 * width..<($0 + 1) * width] }, itemShape: itemShape),
            targets: Column(integers: order.map { labels[$0] }))
    }
}
