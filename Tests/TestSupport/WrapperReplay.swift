package import Ballast

/// What a reference implementation makes of a sequence of batches at one site: values, gradients and statistics.
package struct WrapperReplay: Decodable, Sendable, CustomStringConvertible {
    private struct Step: Decodable {
        let input: String
        let output: String
        let inputGradient: String
        let gradients: [String: String]
        let states: [String: String]
    }

    private struct Evaluation: Decodable {
        let input: String
        let output: String
    }

    /// What is special about it.
    package let name: String
    /// The hyper-parameters that differ from the reference's defaults.
    package let options: [String: Double?]
    private let parameters: [String: String]
    private let steps: [Step]
    private let evaluation: Evaluation?

    package var description: String { name }

    /// The layer at which the technique has to act, as `.before("place")`.
    package static let place = "place"

    /// A hyper-parameter; the default if the replay has none of that name.
    package func option(_ name: String, _ standard: Float) -> Float {
        options[name].flatMap { $0 }.map { Float($0) } ?? standard
    }

    /// Trains and evaluates a model that holds nothing but the technique, and compares everything on the way.
    ///
    /// - Parameter technique: acts at `.before("place")`, with the hyper-parameters of ``options``.
    /// - Returns: a sentence for each difference that is greater than the tolerance relative to the greatest magnitude.
    package func differences(from technique: some LayerWrapper, tolerance: Float = 1e-5) throws -> [String] {
        let inputs = steps.map { Tensor(fixture: $0.input) }
        let evaluated = (evaluation?.input).map(Tensor.init(fixture:))
        let (recording, run) = try start(technique, inputs, evaluated)
        var comparison = Comparison(replay: name, tolerance: tolerance)
        for (name, text) in parameters {
            try set("\(technique.name)/place.\(name)", Tensor(fixture: text), run, &comparison)
        }

        var start = 0
        for (number, step) in steps.enumerated() {
            comparison.place = "step \(number) of shape \(inputs[number].shape)"
            try run.step()
            let rows = start..<start + inputs[number].shape[0]
            start = rows.upperBound
            guard recording.steps.count == number + 1 else {
                return comparison.sentences + ["\(name): step \(number) is missing"]
            }
            let recorded = recording.steps[number]
            let width = inputs[number].elementCount / rows.count
            let inputGradient = (recorded.gradients["values"] ?? [])[rows.lowerBound * width..<rows.upperBound * width]
            comparison.check("output", recorded.output, step.output)
            comparison.check("gradient of the input", Array(inputGradient), step.inputGradient)
            for (name, text) in step.gradients {
                comparison.check(
                    "gradient of \(name)", recorded.gradients["\(technique.name)/place.\(name)"] ?? [], text)
            }
            for (name, text) in step.states {
                comparison.check(name, run.variables["\(technique.name)/place.\(name)"]?.scalars ?? [], text)
            }
        }
        if let evaluation, let evaluated {
            comparison.place = "evaluation of shape \(evaluated.shape)"
            let rows = (start..<start + evaluated.shape[0]).map(Int32.init)
            comparison.check("output", try run.predict(Tensor(integers: rows)).scalars, evaluation.output)
        }
        return comparison.sentences
    }

    /// Starts a run whose steps see the inputs; all values, those to evaluate included, are one parameter of the model.
    private func start(
        _ technique: some LayerWrapper, _ inputs: [Tensor], _ evaluated: Tensor?
    ) throws -> (Recording, Run) {
        let itemShape = Shape(inputs[0].shape.dropFirst())
        let count = inputs.reduce(0) { $0 + $1.shape[0] }
        let order = ReplayedBatches.arranged(Array(0..<count), seed: 0)
        let cotangents = inputs.flatMap { OperationFixtures.cotangent(of: $0.shape).scalars }
        let width = itemShape.elementCount
        let data = try Dataset(
            inputs: Column(integers: order.map(Int32.init)),
            targets: Column(
                floats: order.flatMap { cotangents[$0 * width..<($0 + 1) * width] }, itemShape: itemShape))
        let recording = Recording()
        let trainer = Trainer(
            Rows(values: (inputs + (evaluated.map { [$0] } ?? [])).flatMap(\.scalars), itemShape: itemShape),
            loss: Loss("product", target: .values) { ($0 * $1).sum() }, optimizer: SGD(learningRate: 1),
            batchSize: inputs[0].shape[0]
        ) {
            technique
            Recorder(to: recording, holdingParameters: true)
        }
        return (recording, try trainer.start(data, epochs: 1, seed: 0))
    }

    private func set(_ path: String, _ value: Tensor, _ run: Run, _ comparison: inout Comparison) throws {
        guard run.variables[path]?.shape == value.shape else {
            comparison.sentences.append(
                "\(name): \"\(path)\" should have shape \(value.shape), but is \(run.variables[path]?.shape as Shape?)")
            return
        }
        try run.replaceVariables(run.variables.mapParameters { $0.path == path ? value : $0.value })
    }
}

/// Hands rows of its parameter `values` to a layer that does nothing, named `place`.
private struct Rows: Layer {
    let values: [Float]
    let itemShape: Shape

    func forward(_ rows: Tensor, in scope: Scope) -> Tensor {
        let table = scope.parameter(
            "values", [values.count / itemShape.elementCount, itemShape.elementCount], initial: .values(values))
        let x = table.gathered(rows: rows).reshaped(to: Shape([rows.shape[0]] + itemShape.dimensions))
        return scope(Nothing(), x, named: WrapperReplay.place)
    }
}

private struct Nothing: Layer {
    func forward(_ x: Tensor, in scope: Scope) -> Tensor { x }
}

/// Collects differences as sentences.
private struct Comparison {
    let replay: String
    let tolerance: Float
    var place = ""
    var sentences: [String] = []

    mutating func check(_ what: String, _ values: [Float], _ text: String) {
        let expected = Tensor(fixture: text)
        let error = relativeError(values, expected.scalars)
        guard !(error <= tolerance) else { return }
        sentences.append(
            "\(replay), \(place): the \(what) differs by \(error) (allowed: \(tolerance)): got \(values.prefix(8)), "
                + "expected \(expected.scalars.prefix(8)) of shape \(expected.shape)")
    }
}
