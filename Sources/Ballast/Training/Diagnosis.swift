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
        } else if !batch.target.isFinite {
            culprit = "the batch's target (data, or hook forwardWrapper at .batch)"
        } else if let layer = firstBadLayer(batch) {
            culprit =
                "the output of layer \"\(layer.path)\" (\(layer.kind), its wrappers of hook forwardWrapper included)"
        }
        return TrainingError(
            "\(when): the loss is \(value); the first value that is not finite is in \(culprit). \(kept); lower the learning rate, clip gradients, or check the data"
        )
    }

    /// Runs the model once more, watching every layer.
    private func firstBadLayer(_ batch: Batch) -> Observation? {
        let outer = (execution.tape, execution.updatesState)
        let watcher = -1
        execution.tape = nil
        execution.updatesState = false
        runner.root.visit { $0.observe(for: watcher) }
        defer {
            runner.root.visit { $0.stopObserving(for: watcher) }
            execution.observations.removeAll()
            (execution.tape, execution.updatesState) = outer
        }
        _ = runner.forward(batch.input)
        return execution.observations.first { !$0.value.isFinite }
    }

    func badPenalty(_ value: Float, of technique: String) -> TrainingError {
        TrainingError(
            "\(when): the penalty of \"\(technique)\" (hook lossPenalty) is \(value). \(kept); lower the penalty's strength or the learning rate"
        )
    }

    func badGradient(of path: String, culprit: String?, transforms: [String]) -> TrainingError {
        let source =
            culprit
            ?? (transforms.isEmpty
                ? "a sum of terms that are each finite"
                : "hook gradientTransform of \(transforms.joined(separator: ", "))")
        return TrainingError(
            "\(when): the gradient of \"\(path)\" is not finite, though the objective is; it comes from \(source). \(kept); lower the learning rate, or look for a root or logarithm at zero on the way to that parameter"
        )
    }

    func badUpdate(of path: String, transforms: [String], isAhead: Bool) -> TrainingError {
        TrainingError(
            "\(when): the update of \"\(path)\" is not finite, though its gradient is; it comes from the optimizer or hook gradientTransform (at .update) of \(transforms.joined(separator: ", ")). \(kept); lower the learning rate, or check these techniques",
            leavesOptimizerAhead: isAhead
        )
    }
}

extension Tensor {
    /// Whether all elements are finite; integers always are.
    var isFinite: Bool {
        guard scalarType == .float32 else { return true }
        return withUnsafeFloats { $0.allSatisfy(\.isFinite) }
    }
}
