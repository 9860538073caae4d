internal import Tensors

/// Finds where a number that is not finite comes from, once a step has failed.
struct Diagnosis {
    private let runner: ModelRunner
    private let execution: Execution

    init(_ runner: ModelRunner, _ execution: Execution) {
        self.runner = runner
        self.execution = execution
    }

    private var when: String { "step \(execution.globalStep) (epoch \(execution.epoch))" }
    private let kept = "The variables are those of the last good step"

    func badLoss(_ value: Float, _ batch: Batch) -> TrainingError {
        var culprit = "the loss itself (the model's output is finite)"
        if let parameter = execution.store.parameters.first(where: { !$0.value.isFinite }) {
            culprit = "parameter \"\(parameter.path)\" (hook gradientTransform or the optimizer)"
        } else if !batch.input.isFinite {
            culprit = "the batch's input (data, or hook forwardWrapper at .batch)"
        } else {
            let outer = (execution.tape, execution.updatesState)
            execution.tape = nil
            execution.updatesState = false
            runner.root.visit { $0.observe() }
            _ = runner.forward(batch.input)
            (execution.tape, execution.updatesState) = outer
            if let layer = execution.observations.first(where: { !$0.value.isFinite }) {
                culprit = "the output of layer \"\(layer.path)\" (\(layer.kind), its wrappers of hook forwardWrapper included)"
            }
        }
        return TrainingError(
            "\(when): the loss is \(value); the first value that is not finite is in \(culprit). \(kept); lower the learning rate, clip gradients, or check the data")
    }

    func badGradient(of path: String, transforms: [String]) -> TrainingError {
        let hooks = transforms.isEmpty ? "" : " after hook gradientTransform of \(transforms.joined(separator: ", "))"
        return TrainingError(
            "\(when): the gradient of \"\(path)\" is not finite\(hooks), though the loss is. \(kept); lower the learning rate, or look for a root or logarithm at zero on the way to that parameter")
    }
}

extension Tensor {
    /// Whether all elements are finite; integers always are.
    var isFinite: Bool {
        guard scalarType == .float32 else { return true }
        return withUnsafeFloats { $0.allSatisfy(\.isFinite) }
    }
}
