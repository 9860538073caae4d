internal import Tensors

/// A model bound to the variables of one run: its tree of places, the techniques that act there, and what it takes.
final class BoundModel {
    let model: any Layer
    let tree: ScopeTree
    let root: ScopeNode
    /// The places of techniques outside of the model, in the order listed.
    let techniqueNodes: [ScopeNode]
    private(set) var inputShape: Shape?
    private(set) var inputType: ScalarType = .float32
    private(set) var outputShape: Shape?
    private var tokens: TokenLimit?

    init(_ model: any Layer, tree: ScopeTree, techniques: [String] = []) {
        self.model = model
        self.tree = tree
        root = ScopeNode(tree: tree, path: "", name: "", kind: model.kind, isActivation: model is any Activation)
        tree.bind(root)
        techniqueNodes = techniques.map {
            ScopeNode(tree: tree, path: $0, name: $0, kind: "technique", isTechnique: true)
        }
    }

    /// Makes the first pass, in evaluation, which creates the variables.
    ///
    /// - Parameters:
    ///   - input: a batch of inputs; only its shape and type count.
    ///   - parameters: takes the parameters that are created.
    ///   - states: takes the other variables.
    ///   - afterwards: called with the output, while variables can still be created.
    /// - Throws: the first mistake that a technique made in it.
    func declare(
        with input: Tensor, _ parameters: ParameterValues, _ states: StateValues,
        afterwards: (_ output: Tensor, _ pass: Pass) throws -> Void
    ) throws {
        inputShape = Shape(input.shape.dropFirst())
        inputType = input.scalarType
        // Only shapes count here, and 0 is a token that every embedding has: others have not been checked yet.
        let input =
            inputType == .float32
            ? input : Tensor(integers: Array(repeating: 0, count: input.elementCount), shape: input.shape)
        let record = PassRecord()
        let trace = FirstPassTrace(input: input)
        record.trace = trace
        let pass = Pass(.evaluation, parameters: parameters, states: states, record: record)
        let output = root.run(model, input, in: pass)
        outputShape = output.shape
        tokens = trace.tokens
        try record.throwFailure()
        try afterwards(output, pass)
        tree.endFirstPass()
    }

    /// Runs the model in a pass whose record is fresh.
    @inline(__always)
    func run(_ input: Tensor, in pass: Pass) -> Tensor { root.run(model, input, in: pass) }

    // MARK: Checks

    /// Makes sure that a batch has the shape and type that the model was made for.
    func check(_ input: Tensor) throws {
        let sample = Shape(input.shape.dropFirst())
        guard input.rank > 0, sample == inputShape, input.scalarType == inputType else {
            throw DataError(
                "the model takes \(inputType.noun) of shape [batch] + \(inputShape ?? []), but the input is \(input.scalarType.noun) of shape \(input.shape)"
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
        switch loss.target {
        case .classes:
            guard let range = data.labelRange else {
                try checkTargets(data, outputShape, name, "probabilities")
                return try checkProbabilities(data, name)
            }
            let classes = outputShape.last ?? 1
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
        case .values:
            guard data.labelRange == nil else {
                throw DataError(
                    "the \(name) targets are integers, but the loss \"\(loss.name)\" takes numbers; give them as floats"
                )
            }
            try checkTargets(data, outputShape, name, "values")
            if let range = loss.targetRange, let bad = data.targets.firstFloat(of: data.order, outside: range) {
                throw DataError(
                    "the target of sample \(bad.item) of the \(name) data is \(bad.value), but the loss \"\(loss.name)\" takes values in \(range)"
                )
            }
        }
    }

    private func checkTargets(_ data: Dataset, _ output: Shape, _ name: String, _ what: String) throws {
        let expected = Array(output.dropFirst())
        guard data.targets.itemShape.dimensions == expected else {
            throw DataError(
                "a target of the \(name) data has shape \(data.targets.itemShape), but the model's output is \(Shape(expected)) for each sample; \(what) must have the same shape"
            )
        }
    }

    private func checkProbabilities(_ data: Dataset, _ name: String) throws {
        if let bad = data.targets.firstFloat(of: data.order, outside: 0...1) {
            throw DataError(
                "the target of sample \(bad.item) of the \(name) data holds \(bad.value), but probabilities of classes are in 0...1"
            )
        }
        if let bad = data.targets.firstSumOtherThanOne(of: data.order) {
            throw DataError(
                "the target probabilities of sample \(bad.item) of the \(name) data sum to \(bad.sum), not to 1; divide them by their sum"
            )
        }
    }

    // MARK: Passes without gradients

    /// Measures on a whole data set, in evaluation.
    ///
    /// - Throws: the first mistake that a technique makes.
    func evaluate(
        _ data: Dataset, _ parameters: ParameterValues, _ states: StateValues, loss: Loss, metrics: [Metric],
        batchSize: Int
    ) throws -> Evaluation {
        var total = 0.0
        var sums = metrics.map { [Double](repeating: 0, count: $0.accumulatorCount) }
        for batch in data.batches(ofSize: batchSize) {
            let output = try evaluate(batch.input, parameters, states)
            total += Double(loss(output, batch.target).item) * Double(batch.count)
            for (index, metric) in metrics.enumerated() { metric.update(output, batch.target, &sums[index]) }
        }
        return Evaluation(
            loss: total / Double(data.count),
            metrics: zip(metrics, sums).map { NamedValue($0.name, $0.result($1)) })
    }

    /// The output in evaluation, or in a stochastic prediction.
    func evaluate(
        _ input: Tensor, _ parameters: ParameterValues, _ states: StateValues, draw: Int? = nil
    ) throws -> Tensor {
        let record = PassRecord()
        let pass = Pass(
            draw == nil ? .evaluation : .stochasticEvaluation, parameters: parameters, states: states,
            draw: .prediction(draw ?? 0), record: record)
        let output = run(input, in: pass)
        try record.throwFailure()
        return output
    }
}

extension ScalarType {
    fileprivate var noun: String { self == .int32 ? "integers" : "floats" }
}

extension Dataset {
    /// The first sample one of whose labels is the given one.
    fileprivate func firstSample(with label: Int32) -> Int {
        order.firstIndex { position in
            withUnsafePointer(to: position) { pointer in
                targets.gather(UnsafeBufferPointer(start: pointer, count: 1)).integers.contains(label)
            }
        } ?? 0
    }
}
