internal import BallastCore
internal import Synchronization

extension LawChecker {
    /// Edited targets keep a mass of 1, and do not depend on the order of two editors.
    ///
    /// The other editor is a smoothing for a technique that mixes samples, and a mixing for one that does not: both are
    /// linear, and so a mixing commutes with a smoothing.
    mutating func checkTargets(_ scene: Scene) throws {
        guard wrapsBatches, scene.loss.target == .classes else { return }
        func batch(_ techniques: [any Technique]) throws -> BatchCatcher.Batch? {
            let catcher = BatchCatcher()
            try start(scene, techniques + [catcher]).step()
            return catcher.batch
        }
        guard let bare = try batch([]), let edited = try batch([make()]),
            edited.target.scalarType == .float32, bare.target.scalarType == .int32, edited.target.rank > 1
        else { return }
        for (row, mass) in edited.target.sum(axes: [edited.target.rank - 1]).scalars.enumerated()
        where !(abs(mass - 1) <= 1e-4) {
            report(.targets, scene, "the target of sample \(row) has the mass \(mass)", "1, as probabilities have")
            return
        }
        let classes = edited.target.shape.last ?? 1
        let isMixing = try !mixesTargets(scene)
        let other = TargetEditor(classes: classes, isMixing: isMixing)
        guard let first = try batch([make(), other]), let second = try batch([other, make()]) else { return }
        let wrong = LawChecker.largest(first.target, second.target)
        if !(wrong <= 1e-5) {
            report(
                .targets, scene,
                "before and after a \(isMixing ? "mixing of samples" : "label smoothing"), its targets differ by \(wrong)",
                "the same targets in both orders: take probabilities, by batch.probabilities(classes:), and return them"
            )
        }
    }

    /// The target of a row is made of samples whose inputs are in the output of the row, too.
    ///
    /// One sample's input or target is changed before the technique, at a learning rate of 0: what changes was made of
    /// that sample. Changes of targets below a thousandth do not count, for those of outputs may be lost in rounding.
    mutating func checkPairing(_ scene: Scene) throws {
        guard wrapsBatches else { return }
        let count = min(scene.batchSize, scene.data.count)
        guard count > 1 else { return }
        let plain = try rows(scene, nil)
        for sample in 0..<count {
            let inputs = try rows(scene, BatchChange(part: .input, row: sample))
            let targets = try rows(scene, BatchChange(part: .target, row: sample))
            for (step, rows) in plain.enumerated() where step < inputs.count && step < targets.count {
                for row in rows.target.indices
                where isMoved(targets[step].target[row], from: rows.target[row])
                    && inputs[step].output[row] == rows.output[row]
                {
                    report(
                        .pairing, scene,
                        "at step \(step), the target of row \(row) is made of that of sample \(sample), but the model's output for the row does not depend on the sample's input",
                        "a target made of samples that are in the input: are inputs and targets put in different orders, or mixed by other draws?"
                    )
                    return
                }
            }
        }
    }

    /// The rows of the targets and of the model's output at each step of an epoch, with a change before the technique.
    private func rows(_ scene: Scene, _ change: BatchChange?) throws -> [(target: [[Float]], output: [[Float]])] {
        let catcher = BatchCatcher()
        let run = try scene.trainer((change.map { [$0] } ?? []) + [make(), catcher], learningRate: 0).start(
            scene.data, validation: scene.validation, epochs: 1, seed: 3)
        return try (0..<scene.stepsPerEpoch).map { _ in
            try run.step()
            return (rowValues(catcher.batch?.target), rowValues(catcher.batch?.output))
        }
    }

    private func isMoved(_ target: [Float], from other: [Float]) -> Bool {
        target.count != other.count || zip(target, other).contains { abs($0 - $1) > 1e-3 }
    }

    /// Whether the target of a sample goes into the targets of other rows.
    private func mixesTargets(_ scene: Scene) throws -> Bool {
        let (plain, changed) = (try rows(scene, nil), try rows(scene, BatchChange(part: .target, row: 0)))
        return zip(plain, changed).contains { plain, changed in
            plain.target.indices.dropFirst().contains { isMoved(changed.target[$0], from: plain.target[$0]) }
        }
    }

    private func rowValues(_ tensor: Tensor?) -> [[Float]] {
        guard let tensor, let count = tensor.shape.first, count > 0 else { return [] }
        let values = tensor.scalarType == .int32 ? tensor.integers.map(Float.init) : tensor.scalars
        let width = values.count / count
        return (0..<count).map { Array(values[$0 * width..<($0 + 1) * width]) }
    }
}

/// Changes the input or the target of one row of each batch.
private struct BatchChange: BatchWrapper {
    enum Part { case input, target }

    let part: Part
    let row: Int

    var name: String { "law change" }

    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        guard row < batch.count else { return batch }
        var batch = batch
        switch part {
        case .input: batch.input = moved(batch.input, below: nil)
        case .target: batch.target = moved(batch.target, below: context.classes)
        }
        return batch
    }

    /// The tensor with one row that differs in every element.
    private func moved(_ tensor: Tensor, below limit: Int?) -> Tensor {
        let width = tensor.elementCount / max(tensor.shape.first ?? 1, 1)
        let range = row * width..<(row + 1) * width
        if tensor.scalarType == .int32 {
            var values = tensor.integers
            // A token may have no other: 0 and 1 are those that most vocabularies have.
            for index in range {
                values[index] = limit.map { (values[index] + 1) % Int32($0) } ?? 1 - min(values[index], 1)
            }
            return Tensor(integers: values, shape: tensor.shape)
        }
        var values = tensor.scalars
        if limit != nil {
            // Probabilities move by one class.
            let first = values[range.lowerBound]
            for index in range.dropLast() { values[index] = values[index + 1] }
            values[range.upperBound - 1] = first
        } else {
            for index in range { values[index] = values[index] * 0.5 + 0.11 + 0.01 * Float(index % 7) }
        }
        return Tensor(values, shape: tensor.shape)
    }
}

/// A linear edit of targets.
private struct TargetEditor: BatchWrapper {
    let classes: Int
    let isMixing: Bool

    var name: String { "law editor" }

    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        var batch = batch
        let target = batch.probabilities(classes: classes)
        if isMixing {
            let reversed = Tensor(integers: (0..<Int32(batch.count)).reversed())
            batch.target = target * 0.7 + target.gathered(rows: reversed) * 0.3
        } else {
            batch.target = target * 0.8 + 0.2 / Float(classes)
        }
        return batch
    }
}

/// Records the batch that enters the model, and the output.
private final class BatchCatcher: LossPenalty {
    typealias Batch = (input: Tensor, target: Tensor, output: Tensor)

    private let caught = Mutex<[EffectRecorder.Values]>([])

    var name: String { "law batch" }
    var parameters: ParameterSelector { .all }

    var batch: Batch? {
        let tensors = caught.withLock { $0 }.map(\.tensor)
        return tensors.count == 3 ? (tensors[0], tensors[1], tensors[2]) : nil
    }

    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        guard context.isTraining else { return Tensor(0) }
        let values = [context.batch.input, context.batch.target, context.output].map(EffectRecorder.Values.init)
        caught.withLock { $0 = values }
        return Tensor(0)
    }
}
