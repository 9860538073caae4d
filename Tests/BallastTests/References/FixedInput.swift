import Ballast
import Tensors
import TestSupport

/// A layer on an input of its own, which is a parameter: so its gradient is one of the run's.
struct FixedInput: Layer {
    let floats: [Float]
    let tokens: [Int32]
    let shape: [Int]
    let layer: any Layer

    init(_ layer: any Layer, on input: Tensor) {
        floats = input.scalarType == .float32 ? input.scalars : []
        tokens = input.scalarType == .int32 ? input.integers : []
        shape = input.shape.dimensions
        self.layer = layer
    }

    func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        let input =
            tokens.isEmpty
            ? scope.parameter("input", Shape(shape), initial: .values(floats))
            : Tensor(integers: tokens, shape: Shape(shape))
        return scope(layer, input, named: "layer")
    }
}

/// What a run makes of a layer.
struct LayerResult {
    let output: Tensor
    /// By path; the layer's begin with `layer.`, that of the input is `input`.
    let gradients: [String: Tensor]
}

/// Runs a layer in a step of training, with the cotangent of the fixtures at its output.
///
/// - Parameter parameters: their values by path within the layer.
func run(_ layer: any Layer, on input: Tensor, parameters: [String: Tensor], output shape: Shape) throws -> LayerResult
{
    let recording = RunRecording()
    let loss = Loss("product", target: .values) { output, _ in
        (output * OperationFixtures.cotangent(of: output.shape)).sum()
    }
    let trainer = Trainer(
        FixedInput(layer, on: input), loss: loss, optimizer: SGD(learningRate: 0), batchSize: 1
    ) {
        GradientRecorder(recording: recording)
    }
    let target = Shape(shape.dropFirst())
    let data = try Dataset(
        inputs: Column(floats: [0], itemShape: [1]),
        targets: Column(floats: Array(repeating: 0, count: target.elementCount), itemShape: target))
    let run = try trainer.start(data, epochs: 1)
    let given = run.variables.mapParameters { entry in
        entry.path.hasPrefix("layer.") ? parameters[String(entry.path.dropFirst(6))] ?? entry.value : entry.value
    }
    try run.replaceVariables(given)
    let output = try run.predict(Tensor([0], shape: [1, 1]))
    try run.finish()
    var gradients: [String: Tensor] = [:]
    for entry in run.variables.parameters {
        gradients[entry.path] = recording.gradients[entry.path].map { Tensor($0, shape: entry.value.shape) }
    }
    return LayerResult(output: output, gradients: gradients)
}
