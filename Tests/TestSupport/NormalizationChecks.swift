package import Ballast
internal import Foundation

/// What every normalization promises, checked on a small convolutional network that has none itself.
///
/// Each check trains for real and returns a sentence for each promise that is broken.
package struct NormalizationChecks {
    private let technique: any ForwardWrapper

    /// Creates checks of a technique.
    ///
    /// - Parameter technique: acts at `.before("relu*")`, where its input has shape `[batch, 4, 6, 6]` and
    ///   `[batch, 6, 3, 3]`.
    package init(of technique: any ForwardWrapper) { self.technique = technique }

    private var model: Sequential {
        Sequential {
            Conv2d(4, kernel: 3, padding: 1)
            ReLU()
            MaxPool2d(2)
            Conv2d(6, kernel: 3, padding: 1)
            ReLU()
            Flatten()
            Linear(3)
        }
    }

    private func trainer(_ more: [any Technique] = []) -> Trainer {
        Trainer(
            model, loss: .crossEntropy, optimizer: Adam(learningRate: 0.01), batchSize: 5,
            composition: Composition([technique] + more))
    }

    /// 22 images of 3 x 6 x 6, so that the last batch has 2.
    private func data() throws -> Dataset {
        let shape: Shape = [3, 6, 6]
        let values = Tensor.normal([22, shape.elementCount], from: RandomStream(seed: 3, purpose: "images"))
        let labels = RandomStream(seed: 3, purpose: "labels").words(22).map { Int32($0 % 3) }
        return try Dataset(
            inputs: Column(floats: values.scalars, itemShape: shape), targets: Column(integers: labels))
    }

    private func images(_ count: Int) -> Tensor {
        Tensor.normal([count, 3, 6, 6], from: RandomStream(seed: 4, purpose: "new images"))
    }

    /// All checks but that of the scale.
    package func all() throws -> [String] { try resuming() + saving() + roles() + evaluation() }

    // MARK: Saving

    /// A run that stops in the middle of an epoch goes on from its checkpoint to the same bits.
    private func resuming() throws -> [String] {
        let folder = FileManager.default.temporaryDirectory.appending(path: "ballast-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let whole = try trainer().fit(data(), epochs: 3, seed: 5)
        let policy = CheckpointPolicy(in: folder, everyEpochs: nil, everySteps: 1)
        let stopped = try trainer().start(data(), epochs: 3, seed: 5, checkpoints: policy)
        for _ in 0..<7 { try stopped.step() }
        let resumed = try trainer().start(data(), epochs: 3, seed: 5, checkpoints: policy)
        guard resumed.stepCount == 7 else { return ["resumed at step \(resumed.stepCount), not at 7"] }
        try resumed.finish()
        return bitDifferences(resumed.variables, whole.variables, "after resuming")
    }

    /// A trained model predicts the same from its file alone.
    private func saving() throws -> [String] {
        let file = FileManager.default.temporaryDirectory.appending(path: "ballast-\(UUID().uuidString).safetensors")
        defer { try? FileManager.default.removeItem(at: file) }
        let run = try trainer().fit(data(), epochs: 2, seed: 6)
        try run.saveModel(to: file)
        let loaded = try trainer().loadModel(from: file)
        var sentences = bitDifferences(loaded.variables, run.variables, "after loading")
        let (expected, got) = try (run.predict(images(3)), loaded.predict(images(3)))
        if expected.scalars != got.scalars {
            sentences.append("a loaded model predicts \(got.scalars), the trained one \(expected.scalars)")
        }
        return sentences
    }

    private func bitDifferences(_ got: Variables, _ expected: Variables, _ when: String) -> [String] {
        guard got.entries.map(\.path) == expected.entries.map(\.path) else {
            return ["\(when) the variables are \(got.entries.map(\.path)), not \(expected.entries.map(\.path))"]
        }
        return zip(got.entries, expected.entries).compactMap { got, expected in
            got.value.scalars.map(\.bitPattern) == expected.value.scalars.map(\.bitPattern)
                ? nil : "\(when) \"\(got.path)\" is \(got.value.scalars), not \(expected.value.scalars)"
        }
    }

    // MARK: Training and evaluation

    /// Parameters of the technique are of the normalization role, train, and are none of the weights.
    private func roles() throws -> [String] {
        let recording = Recording()
        let run = try trainer([Recorder(to: recording)]).fit(data(), epochs: 1, seed: 7)
        var sentences: [String] = []
        for entry in run.variables.parameters where entry.path.hasPrefix(technique.name + "/") {
            if entry.role != .normalization {
                sentences.append("\"\(entry.path)\" has the role \(entry.role as ParameterRole?)")
            }
            if recording.steps[0].weights.contains(entry.path) {
                sentences.append("\"\(entry.path)\" is among the weights")
            }
            if !(recording.steps[0].gradients[entry.path] ?? []).contains(where: { $0 != 0 }) {
                sentences.append("\"\(entry.path)\" gets no gradient")
            }
        }
        if !recording.steps[0].weights.contains("conv1.weight") {
            sentences.append("conv1.weight is not among the weights")
        }
        return sentences
    }

    /// Evaluation changes nothing, gives the same each time, and no sample of it depends on another.
    private func evaluation() throws -> [String] {
        let run = try trainer().fit(data(), epochs: 1, seed: 8)
        let before = run.variables
        let together = try run.predict(images(4))
        _ = try run.evaluate(data())
        var sentences = bitDifferences(run.variables, before, "after evaluating")
        if try run.predict(images(4)).scalars != together.scalars { sentences.append("a second prediction differs") }
        for sample in 0..<4 {
            let alone = try run.predict(images(4).slice(axis: 0, sample..<sample + 1)).scalars
            let error = relativeError(alone, Array(together.scalars[sample * 3..<sample * 3 + 3]))
            if error > 1e-5 {
                sentences.append("sample \(sample) alone differs by \(error) from what it is among others")
            }
        }
        return sentences
    }

    // MARK: Scale

    /// The gradient of weights in front of a norm is orthogonal to them, and half as great at twice the weights
    /// (van Laarhoven, 2017, arXiv 1706.05350).
    ///
    /// The technique has to act at `.before("tanh1")`, on `[batch, 4, 6, 6]`, with a tiny epsilon.
    package func scaleInvariance() throws -> [String] {
        let model = Sequential {
            Conv2d(4, kernel: 3, padding: 1, bias: false)
            Tanh()
            Flatten()
            Linear(3)
        }
        let recordings = try [Float(1), 2].map { scale in
            let recording = Recording()
            let trainer = Trainer(
                model, loss: .crossEntropy, optimizer: SGD(learningRate: 0.01), batchSize: 22,
                composition: Composition([technique, Recorder(to: recording)]))
            let run = try trainer.start(data(), epochs: 1, seed: 9)
            try run.replaceVariables(
                run.variables.mapParameters { $0.path == "conv1.weight" ? $0.value * scale : $0.value })
            let weight = run.variables["conv1.weight"]?.scalars ?? []
            try run.finish()
            return (weight: weight, gradient: recording.steps[0].gradients["conv1.weight"] ?? [])
        }
        let (one, two) = (recordings[0], recordings[1])
        let product = zip(one.weight, one.gradient).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        let norms = one.weight.norm * one.gradient.norm
        var sentences: [String] = []
        if !(abs(product) < 1e-5 * norms) { sentences.append("w · g is \(product) at |w| |g| = \(norms), not 0") }
        if !(norms > 1e-3) { sentences.append("there is no gradient: |w| |g| is \(norms)") }
        let error = relativeError(two.gradient.map { 2 * $0 }, one.gradient)
        if !(error < 1e-4) { sentences.append("g(2 w) is not g(w) / 2; it differs by \(error)") }
        return sentences
    }
}

extension [Float] {
    fileprivate var norm: Double { reduce(0) { $0 + Double($1) * Double($1) }.squareRoot() }
}
