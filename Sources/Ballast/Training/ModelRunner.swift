internal import Tensors

/// A model with its variables and the techniques that wrap it: what predicts, during training and after.
final class ModelRunner {
    let model: any Layer
    let execution: Execution
    let root: Frame
    private(set) var inputShape: Shape?
    private(set) var inputType: ScalarType = .float32
    private(set) var outputShape: Shape?
    private var tokens: TokenLimit?

    init(_ model: any Layer, composition: Composition, seed: UInt64, store: VariableStore) {
        self.model = model
        execution = Execution(seed: seed, store: store, composition: composition)
        root = Frame(execution: execution, path: "", name: "", kind: model.kind)
        execution.bindSites(of: root)
    }

    /// Makes the first pass, in evaluation, which creates the variables.
    func declare(with input: Tensor) {
        inputShape = Shape(input.shape.dropFirst())
        inputType = input.scalarType
        // Only shapes count here, and 0 is a token that every embedding has: others have not been checked yet.
        let input =
            inputType == .float32
            ? input : Tensor(integers: Array(repeating: 0, count: input.elementCount), shape: input.shape)
        execution.flow?.begin(with: input)
        outputShape = run(input, .evaluation, updatesState: false).shape
        tokens = execution.flow?.tokens
        execution.endFirstPass(of: root)
    }

    @inline(__always)
    func run(_ input: Tensor, _ phase: Phase, updatesState: Bool) -> Tensor {
        execution.inPhase(phase, updatesState: updatesState) { forward(input) }
    }

    /// Makes a pass that predicts with noise: a function of (seed, index) and the variables, apart from every step's.
    func sample(_ input: Tensor, index: Int) -> Tensor {
        require(index >= 0, "sample: the index must not be negative but is \(index)")
        let step = execution.drawIndex
        // Steps count from 0; the highest bit belongs to the draws of batches.
        execution.drawIndex = index | 1 << 62
        defer { execution.drawIndex = step }
        return run(input, .sampling, updatesState: false)
    }

    /// A pass in the phase that is set.
    @inline(__always)
    func forward(_ input: Tensor) -> Tensor {
        if !execution.observations.isEmpty { execution.observations.removeAll(keepingCapacity: true) }
        return root.run(model, input)
    }

    /// Makes sure that a batch is one that the model was made for.
    func check(_ input: Tensor) throws {
        let sample = Shape(input.shape.dropFirst())
        guard input.rank > 0, sample == inputShape, input.scalarType == inputType else {
            let kind = inputType == .int32 ? "integers" : "floats"
            let found = input.scalarType == .int32 ? "integers" : "floats"
            throw DataError(
                "the model takes \(kind) of shape [batch] + \(inputShape ?? []), but the input is \(found) of shape \(input.shape)"
            )
        }
    }

    /// Makes sure that a batch is one that the model was made for, and that its tokens are, too.
    func checkValues(_ input: Tensor) throws {
        try check(input)
        guard let tokens, let position = input.integers.firstIndex(where: { $0 < 0 || Int($0) >= tokens.limit }) else {
            return
        }
        let width = max(inputShape?.elementCount ?? 1, 1)
        throw tokens.error(
            input.integers[position], "position \(position % width) of row \(position / width) of the input")
    }

    /// Makes sure that inputs and targets fit the model and the loss.
    func check(_ data: Dataset, for loss: Loss, name: String) throws {
        try check(data.batch(data.order, 0..<min(1, data.count)).input)
        if let tokens, let bad = data.inputs.firstInteger(of: data.order, notBelow: tokens.limit) {
            throw tokens.error(bad.value, "position \(bad.element) of sample \(bad.item) of the \(name) data")
        }
        guard let outputShape else { return }
        let classes = outputShape.last ?? 1
        switch loss.target {
        case .classes:
            if let range = data.labelRange {
                guard Int(range.upperBound) < classes else {
                    let sample = data.firstSample(with: range.upperBound)
                    throw DataError(
                        "label \(range.upperBound) of sample \(sample) of the \(name) data is out of range: the model's output of \(classes) classes takes labels in 0..<\(classes)"
                    )
                }
                let expected = Array(outputShape.dropFirst().dropLast())
                guard data.targets.itemShape.dimensions == expected else {
                    throw DataError(
                        "a target of the \(name) data has shape \(data.targets.itemShape), but the model's output \(outputShape) needs one label for each of \(Shape(expected))"
                    )
                }
            } else {
                try checkValues(data, outputShape, name, "probabilities")
            }
        case .values:
            guard data.labelRange == nil else {
                throw DataError(
                    "the \(name) targets are integers, but the loss \"\(loss.name)\" takes numbers; give them as floats"
                )
            }
            try checkValues(data, outputShape, name, "values")
        }
    }

    private func checkValues(_ data: Dataset, _ output: Shape, _ name: String, _ what: String) throws {
        let expected = Array(output.dropFirst())
        guard data.targets.itemShape.dimensions == expected else {
            throw DataError(
                "a target of the \(name) data has shape \(data.targets.itemShape), but the model's output is \(Shape(expected)) for each sample; \(what) must have the same shape"
            )
        }
    }

    /// Measures on a whole data set, in evaluation.
    func evaluate(_ data: Dataset, loss: Loss, metrics: [Metric], batchSize: Int) -> Evaluation {
        var total = 0.0
        var count = 0
        var sums = metrics.map { [Double](repeating: 0, count: $0.sumCount) }
        for batch in data.batches(ofSize: batchSize) {
            let output = run(batch.input, .evaluation, updatesState: false)
            total += Double(loss(output, batch.target).item) * Double(batch.count)
            count += batch.count
            for (index, metric) in metrics.enumerated() { metric.gather(output, batch.target, &sums[index]) }
        }
        return Evaluation(
            loss: total / Double(count),
            metrics: zip(metrics, sums).map { NamedValue($0.name, $0.finish($1)) })
    }
}

extension Dataset {
    /// The first sample one of whose labels is the given one.
    func firstSample(with label: Int32) -> Int {
        order.firstIndex { position in
            withUnsafePointer(to: position) { pointer in
                targets.gather(UnsafeBufferPointer(start: pointer, count: 1)).integers.contains(label)
            }
        } ?? 0
    }
}
