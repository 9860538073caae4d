package import Ballast
internal import Foundation

/// A training run of PyTorch, recorded by `trajectories.py`: all samples in one batch, 100 steps of a small net.
package struct Trajectory: Decodable {
    /// A tensor in a file.
    package struct Values: Decodable {
        let shape: [Int]
        let scalars: [Float]

        /// As a tensor.
        package var tensor: Tensor { Tensor(scalars, shape: Shape(shape)) }
    }

    private let input: Values
    private let labels: [Int32]
    private let start: [String: Values]
    private let end: [String: Values]
    private let losses: [Double]
    private let penalties: [Double]

    /// Repeats the run, and returns a sentence for each parameter, loss and penalty that differs.
    ///
    /// - Parameter tolerance: the greatest difference that is allowed, relative to the greatest magnitude expected.
    package func differences(
        optimizer: any Optimizer = SGD(learningRate: 0.05, momentum: 0.9), tolerance: Float = 1e-4,
        @CompositionBuilder _ techniques: () -> [any Technique]
    ) throws -> [String] {
        let isConvolutional = input.shape.count == 4
        let model = Sequential {
            if isConvolutional {
                Conv2d(4, kernel: 3, padding: 1); ReLU(); MaxPool2d(2)
                Flatten()
            } else {
                Linear(9); ReLU()
            }
            Linear(3)
        }
        let trainer = Trainer(
            model, loss: .crossEntropy, optimizer: optimizer, batchSize: labels.count,
            composition: Composition(techniques()))
        let data = try Dataset(
            inputs: Column(floats: input.scalars, itemShape: Shape(input.shape.dropFirst())),
            targets: Column(integers: labels))
        let run = try trainer.start(data, epochs: losses.count * 10)
        try run.replaceVariables(
            Variables(
                entries: run.variables.entries.map {
                    .init(path: $0.path, role: $0.role, value: start[$0.path]?.tensor ?? $0.value)
                }))
        try run.finish()

        var sentences: [String] = []
        for (path, expected) in end.sorted(by: { $0.key < $1.key }) {
            guard let value = run.variables[path] else {
                sentences.append("there is no variable \(path)")
                continue
            }
            let error = relativeError(value, expected.tensor)
            if !(error <= tolerance) { sentences.append("\(path) differs by \(error) after \(run.stepCount) steps") }
        }
        // PyTorch's `weight_decay` adds to the gradient only: such runs have no penalty to compare with.
        let hasPenalty = penalties.contains { $0 != 0 }
        for (index, (loss, penalty)) in zip(losses, penalties).enumerated() {
            let record = run.history[index * 10]
            if !(abs(record.trainLoss - loss) <= Double(tolerance) * max(1, abs(loss))) {
                sentences.append("the loss of step \(index * 10) is \(record.trainLoss), expected \(loss)")
            }
            let sum = record.penalties.reduce(0) { $0 + $1.value }
            if hasPenalty, !(abs(sum - penalty) <= Double(tolerance) * max(1e-3, abs(penalty))) {
                sentences.append("the penalty of step \(index * 10) is \(sum), expected \(penalty)")
            }
        }
        return sentences
    }
}

/// Reads a fixture in the folder `Fixtures` beside a test's source file.
package func fixture<Content: Decodable>(
    _ name: String, as type: Content.Type = Content.self, beside file: String = #filePath
) throws -> Content {
    let folder = URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent("Fixtures")
    return try JSONDecoder().decode(type, from: Data(contentsOf: folder.appendingPathComponent(name)))
}
