internal import Tensors

/// The passes that a hook may request beside the one that it is called in. None of them moves running statistics.
struct ExtraPasses {
    let model: BoundModel
    let loss: Loss

    /// The number of classes of the model's output; nil if the loss takes values.
    var classes: Int? { loss.target == .classes ? model.outputShape?.last : nil }

    /// The output for an input with other random numbers, or at other variables.
    func output(
        of input: Tensor, draw: Int, at variables: Variables?, for technique: String, _ pass: Pass
    ) -> Tensor {
        guard (0..<1 << 32).contains(draw) else {
            pass.record.fail(
                TechniqueError(
                    technique, .lossPenalty, at: "output(of:)", "requested draw \(draw), which must be in 0..<2^32"))
            return self.model.outputShape.map { .zeros(Shape([input.shape[0]] + $0.dropFirst())) } ?? input
        }
        do {
            try model.check(input)
        } catch {
            pass.record.fail(error)
            return .zeros(Shape([input.shape.first ?? 1] + (model.outputShape ?? []).dropFirst()))
        }
        let values = variables.map { model.tree.values($0, over: pass.parameters, pass.states) }
        let other = pass.another(
            parameters: values?.parameters, states: values?.states, tape: values == nil ? pass.tape : nil,
            draw: .extra(step: pass.info.globalStep, draw))
        return run(input, in: other, within: pass)
    }

    /// The gradient of the loss of a batch with respect to its input.
    func inputGradient(of batch: Batch, _ pass: Pass) -> Tensor {
        guard batch.input.scalarType == .float32 else {
            pass.record.fail(TrainingError("there is no gradient with respect to an input of integers, such as tokens"))
            return .zeros(batch.input.shape)
        }
        let tape = Tape.acquire()
        defer { tape.release() }
        tape.reset(leafCount: 1)
        let output = run(tape.leaf(0, batch.input.detached), in: pass.another(tape: nil), within: pass)
        tape.seed(loss(output, batch.target))
        tape.backward()
        return tape.takeGradient(ofLeaf: 0) ?? .zeros(batch.input.shape)
    }

    private func run(_ input: Tensor, in other: Pass, within pass: Pass) -> Tensor {
        let output = CostMeter.account(CostMeter.model, in: pass) { model.run(input, in: other) }
        if let failure = other.record.failure { pass.record.fail(failure) }
        return output
    }
}
