internal import CKernels
internal import Tensors

/// Finds where a number that is not finite comes from, once a step has failed.
struct Diagnosis {
    private let model: BoundModel
    private let state: RunState
    private let info: StepInfo

    init(_ model: BoundModel, _ state: RunState, _ info: StepInfo) {
        self.model = model
        self.state = state
        self.info = info
    }

    private var when: String { "step \(info.globalStep) (epoch \(info.epoch))" }
    private let kept = "The variables are those of the last good step"

    func badLoss(_ value: Float, _ batch: Batch, _ pass: Pass, _ spoiler: () -> String?) -> TrainingError {
        var culprit = "the loss itself (the model's output is finite)"
        if let index = state.parameters.values.firstIndex(where: { !$0.isFinite }) {
            let path = model.tree.layout.parameters[index].path
            culprit = "parameter \"\(path)\" (hook gradientTransform or the optimizer)"
        } else if !batch.input.isFinite {
            culprit = "the batch's input (\(source(spoiler())))"
        } else if !batch.target.isFinite {
            culprit = "the batch's target (\(source(spoiler())))"
        } else if let place = firstBadPlace(batch, pass) {
            culprit = place
        }
        return TrainingError(
            "\(when): the loss is \(value); the first value that is not finite is in \(culprit). \(kept); lower the learning rate, clip gradients, or check the data"
        )
    }

    /// Who made a batch what is not finite.
    private func source(_ technique: String?) -> String {
        technique.map { "hook forwardWrapper of technique \"\($0)\"" } ?? "the data"
    }

    /// Runs the model once more, watching every layer and technique.
    private func firstBadPlace(_ batch: Batch, _ pass: Pass) -> String? {
        let other = pass.another(tape: nil)
        other.record.observesEverything = true
        _ = model.run(batch.input, in: other)
        guard let bad = other.record.observations.first(where: { !$0.value.isFinite }) else { return nil }
        if let technique = bad.technique {
            return "what technique \"\(technique)\" (hook forwardWrapper) returned at \(bad.path)"
        }
        return "the output of layer \"\(bad.path)\" (\(bad.kind))"
    }

    func badPenalty(_ value: Float, of technique: String) -> TrainingError {
        TrainingError(
            "\(when): the penalty of \"\(technique)\" (hook lossPenalty) is \(value). \(kept); lower the penalty's strength or the learning rate"
        )
    }

    func badGradient(of path: String, culprit: String?, _ transforms: [String]) -> TrainingError {
        let source =
            culprit
            ?? (transforms.isEmpty
                ? "a sum of terms that are each finite"
                : "hook gradientTransform of \(transforms.joined(separator: ", "))")
        return TrainingError(
            "\(when): the gradient of \"\(path)\" is not finite, though the objective is; it comes from \(source). \(kept); lower the learning rate, or look for a root or logarithm at zero before that parameter"
        )
    }

    func badUpdate(of path: String, _ transforms: [String], isAhead: Bool) -> TrainingError {
        TrainingError(
            "\(when): the update of \"\(path)\" is not finite, though its gradient is; it comes from the optimizer or hook gradientTransform of \(transforms.joined(separator: ", ")). \(kept); lower the learning rate, or check these techniques",
            leavesOptimizerAhead: isAhead
        )
    }

    func badValue(of path: String, _ transforms: [String]) -> TrainingError {
        TrainingError(
            "\(when): the new value of \"\(path)\" is not finite; it comes from hook gradientTransform (at .applied) of \(transforms.joined(separator: ", ")). The variables are those after the optimizer's step, which were finite; check these techniques",
            leavesOptimizerAhead: true
        )
    }

    func badLearningRate() -> TrainingError {
        TrainingError(
            "\(when): the learning rate is \(info.learningRate), \(info.scheduleFactor) times that of the optimizer. \(kept); check the schedule and the callbacks that scale the learning rate"
        )
    }
}

extension Tensor {
    /// Whether all elements are finite; integers always are.
    var isFinite: Bool {
        guard scalarType == .float32 else { return true }
        return withUnsafeFloats { floats in floats.baseAddress.map { ballast_all_finite(floats.count, $0) } ?? true }
    }
}
