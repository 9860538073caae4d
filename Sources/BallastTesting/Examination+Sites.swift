internal import BallastCore
internal import Synchronization

extension Examination {
    /// Over all draws, what flows on from a site has the mean of what flowed in.
    ///
    /// The sum of each call's output is changed by d; Σd is compared with √Σd², its deviation if calls are independent.
    /// The samples of a call may share a draw.
    mutating func checkExpectation(_ scene: Scene) throws {
        guard promises.contains(.preservesExpectation), wrapsLayers else { return }
        let journal = Journal()
        let epochs = max(2, 240 / scene.stepsPerEpoch)
        _ = try fit(scene, [standIn(for: make(), journal: journal)], epochs: epochs, learningRate: 1e-7)
        let entries = journal.entries.filter { $0.isTraining && $0.hook == .forwardWrapper }
        for (place, group) in Dictionary(grouping: entries, by: \.place).sorted(by: { $0.key < $1.key }) {
            let changes = group.compactMap(\.change)
            let deviation = changes.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let sum = changes.reduce(0, +)
            guard deviation > 1e-6, abs(sum) > 5.5 * deviation else { continue }
            report(
                .expectation, scene,
                "\(place), training changes the sum by \(Float(sum / Double(changes.count))) a call, \(Float(abs(sum) / deviation)) deviations over \(changes.count) calls",
                "no change on average: is what is kept scaled up?")
            return
        }
    }

    /// States that are called `runningMean` and `runningVariance` follow the batch's mean and unbiased variance.
    mutating func checkStatistics(_ scene: Scene) throws {
        guard wrapsLayers else { return }
        let journal = Journal()
        let run = try start(scene, [standIn(for: make(), journal: journal, detail: .values)])
        let old = run.variables
        guard old.entries.contains(where: { $0.path.hasSuffix(".runningVariance") }) else { return }
        try run.step()
        let new = run.variables
        for entry in journal.entries where entry.isTraining && entry.step == 0 && !entry.place.hasPrefix("around") {
            let layer = entry.place.drop { $0 != " " }.dropFirst()
            let place = layer.isEmpty ? (entry.place.hasPrefix("before") ? "input" : "output") : String(layer)
            let path = "\(instance.name)/\(place)"
            guard let input = entry.input?.tensor, input.rank >= 2,
                let mean = (old[path + ".runningMean"], new[path + ".runningMean"]) as? (Tensor, Tensor),
                let variance = (old[path + ".runningVariance"], new[path + ".runningVariance"]) as? (Tensor, Tensor)
            else { continue }
            let axes = (0..<input.rank).filter { $0 != 1 }
            let (means, biased) = (input.mean(axes: axes).scalars, input.variance(axes: axes).scalars)
            let unbiased = input.variance(axes: axes, unbiased: true).scalars
            guard means.count == mean.0.elementCount,
                let channel = means.indices.max(by: { biased[$0] < biased[$1] }),
                abs(means[channel] - mean.0.scalars[channel]) > 1e-6
            else { continue }
            let share = (mean.1.scalars[channel] - mean.0.scalars[channel]) / (means[channel] - mean.0.scalars[channel])
            let stored = (variance.1.scalars[channel] - (1 - share) * variance.0.scalars[channel]) / share
            if !(abs(stored - unbiased[channel]) <= 0.02 * unbiased[channel]) {
                let isBiased = abs(stored - biased[channel]) <= 0.02 * biased[channel]
                report(
                    .statistics, scene,
                    "the variance that \"\(path)\" stores of channel \(channel) is \(stored)\(isBiased ? ", the biased one (divided by n)" : "")",
                    "\(unbiased[channel]), the unbiased one (divided by n − 1)")
                return
            }
        }
    }

    /// Edited targets keep a mass of 1, and do not depend on the order of two editors.
    ///
    /// The other editor is a smoothing for a technique that edits inputs too, and a mixing for one that does not: both
    /// are linear, and so commute with each other and with smoothings and mixings of others.
    mutating func checkTargets(_ scene: Scene) throws {
        guard wrapsBatches, scene.loss.target == .classes else { return }
        func batch(_ techniques: [any Technique]) throws -> (input: Tensor, target: Tensor)? {
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
        let isMixing = distance(bare.input, edited.input) == 0
        let other = TargetEditor(classes: classes, isMixing: isMixing)
        guard let first = try batch([make(), other]), let second = try batch([other, make()]) else { return }
        let wrong = Examination.largest(first.target, second.target)
        if !(wrong <= 1e-5) {
            report(
                .targets, scene,
                "in front of a \(isMixing ? "mixing of samples" : "label smoothing") and behind it, its targets differ by \(wrong)",
                "the same targets in both orders: take probabilities, by batch.probabilities(classes:), and return them"
            )
        }
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

/// Writes down the batch that enters the model.
private final class BatchCatcher: LossPenalty {
    private let caught = Mutex<(input: Journal.Values, target: Journal.Values)?>(nil)
    private let labels = Mutex<[Int32]>([])

    var name: String { "law batch" }
    var parameters: ParameterSelector { .all }

    var batch: (input: Tensor, target: Tensor)? {
        caught.withLock { $0 }.map { caught in
            let labels = labels.withLock { $0 }
            return (caught.input.tensor, labels.isEmpty ? caught.target.tensor : Tensor(integers: labels))
        }
    }

    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        guard context.isTraining else { return Tensor(0) }
        let target = context.batch.target
        if target.scalarType == .int32 { labels.withLock { $0 = target.integers } }
        let values = target.scalarType == .int32 ? Tensor(0) : target
        caught.withLock { $0 = (Journal.Values(context.batch.input), Journal.Values(values)) }
        return Tensor(0)
    }
}
