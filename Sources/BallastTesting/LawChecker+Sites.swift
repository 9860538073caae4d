internal import BallastCore

extension LawChecker {
    /// Over all draws, what flows on from a site has the mean of what flowed in.
    ///
    /// The sum of each call's output is changed by d; Σd is compared with √Σd², its deviation if calls are independent.
    /// The samples of a call may share a draw.
    mutating func checkExpectation(_ scene: Scene) throws {
        guard promises.contains(.preservesExpectation), wrapsLayers else { return }
        let recorder = EffectRecorder()
        let epochs = max(2, 240 / scene.stepsPerEpoch)
        _ = try fit(scene, [recording(make(), in: recorder)], epochs: epochs, learningRate: 1e-7)
        let entries = recorder.entries.filter { $0.isTraining && $0.hook == .forwardWrapper }
        for (place, group) in Dictionary(grouping: entries, by: \.place).sorted(by: { $0.key < $1.key }) {
            let changes = group.compactMap(\.change)
            let deviation = changes.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let sum = changes.reduce(0, +)
            // What moves values about, and keeps their sum but for rounding, has no deviation to compare with.
            let moved = group.reduce(0) { $0 + $1.effect }
            guard deviation > 1e-6, abs(sum) > 1e-4 * moved, abs(sum) > 5.5 * deviation else { continue }
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
        let recorder = EffectRecorder()
        let run = try start(scene, [recording(make(), in: recorder, detail: .values)])
        let old = run.variables
        guard old.entries.contains(where: { $0.path.hasSuffix(".runningVariance") }) else { return }
        try run.step()
        let new = run.variables
        for entry in recorder.entries where entry.isTraining && entry.step == 0 && !entry.place.hasPrefix("around") {
            let layer = entry.place.drop { $0 != " " }.dropFirst()
            let place = layer.isEmpty ? (entry.place.hasPrefix("before") ? "input" : "output") : String(layer)
            let path = "\(instance.name)/\(place)"
            guard let input = entry.given["input"]?.tensor, input.rank >= 2,
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
            if !(abs(stored - unbiased[channel]) <= 0.002 * unbiased[channel]) {
                let isBiased = abs(stored - biased[channel]) <= 0.002 * biased[channel]
                report(
                    .statistics, scene,
                    "the variance that \"\(path)\" stores of channel \(channel) is \(stored)\(isBiased ? ", the biased one (divided by n)" : "")",
                    "\(unbiased[channel]), the unbiased one (divided by n − 1)")
                return
            }
        }
    }

    /// A layer inside the technique that is run twice, the second output thrown away, changes nothing.
    mutating func checkRepetition(_ scene: Scene) throws {
        let sites = ((instance as? any LayerWrapper)?.sites ?? []).filter { $0.position == .around }
        guard !sites.isEmpty else { return }
        let once = try fit(scene, [LayerRepeater(times: 1, sites: sites), make()])
        let twice = try fit(scene, [LayerRepeater(times: 2, sites: sites), make()])
        if let wrong = difference(twice, once) {
            report(
                .repetition, scene, "where a wrapper nearer to the layer runs it twice, \(wrong)",
                "the bits of one run: does state move with every call, where it should move with every step?")
        }
    }
}

/// Runs the layer that it wraps several times, and returns the first output.
private struct LayerRepeater: LayerWrapper {
    let times: Int
    let sites: [Site]

    var name: String { "law repeater" }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        let output = call.next()
        for _ in 1..<times { _ = call.next() }
        return output
    }
}
