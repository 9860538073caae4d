internal import BallastCore
internal import Foundation
internal import Synchronization

extension LawChecker {
    /// The same seed gives the same bits, on any number of threads.
    mutating func checkDeterminism(_ scene: Scene) throws {
        let (first, second) = (try fit(scene, [make()]), try fit(scene, [make()]))
        if let wrong = difference(second, first) {
            report(
                .deterministic, scene, "of two runs with one seed, \(wrong)",
                "the same bits: does it draw from the system, or keep something for all runs? Draw from context.random")
            return
        }
        // Batches that are large enough to be shared among threads.
        let many = scene.data.subset((0..<640).map { $0 % scene.data.count })
        let wide = scene.with(data: many, batchSize: 320)
        let count = Kernels.threadCount
        defer { Kernels.threadCount = count }
        let runs = try [1, 3].map { threads in
            Kernels.threadCount = threads
            return try fit(wide, [make()])
        }
        if let wrong = difference(runs[1], runs[0]) {
            report(
                .deterministic, scene, "on 3 threads, \(wrong)",
                "the bits of 1 thread: sums must be taken in an order that does not depend on the number of threads")
        }
    }

    /// A composition serves several runs, in turn and one after the other.
    mutating func checkIsolation(_ scene: Scene) throws {
        let expected = try fit(scene, [make()])
        let shared: [any Technique] = [make()]
        let (first, other) = (try start(scene, shared), try start(scene, shared, seed: 99))
        var continues = true
        while continues {
            let (a, b) = (try first.step(), try other.step())
            continues = a || b
        }
        let others = try fit(scene, [make()], seed: 99)
        if let wrong = difference(first, expected) ?? difference(other, others) {
            report(
                .isolation, scene, "beside another run of the same composition, \(wrong)",
                "the bits of a run alone: does it keep in a property what belongs to a run?")
        }
        if let wrong = difference(try fit(scene, shared), expected) {
            report(
                .isolation, scene, "in a second run of the same composition, \(wrong)",
                "the bits of the first: does it keep in a property what belongs to a run?")
        }
    }

    /// An instance acts the same beside another one that is called, but without effect.
    mutating func checkSeparation(_ scene: Scene) throws {
        let alone = try fit(scene, [make()])
        let twin = renamed.map { $0("Twin") } ?? recording(make(), named: "Twin")
        if twin.name != "Twin" {
            report(
                .separate, scene, "asked for the name \"Twin\", it is called \"\(twin.name)\"", "the name it is given")
            return
        }
        let both = try fit(scene, [recording(twin, isMuted: true), make()])
        if let wrong = difference(both.variables, alone.variables, tolerance: 1e-3) {
            report(
                .separate, scene, "beside a second instance that changes nothing, \(wrong)",
                "an instance that knows nothing of the other: is something static, or kept outside context.scope?")
        }
    }

    /// Others draw at each step and for each sample what they draw without the technique; they may draw more, in
    /// further passes.
    mutating func checkDraws(_ scene: Scene) throws {
        let (alone, beside) = (DrawWitness(), DrawWitness())
        _ = try fit(scene, [alone])
        _ = try fit(scene, [make(), beside])
        for (step, draws) in beside.draws.sorted(by: { $0.key < $1.key }) {
            guard let missing = (alone.draws[step] ?? []).subtracting(draws).sorted(by: { $0.what < $1.what }).first
            else { continue }
            report(
                .draws, scene, "at step \(step) a technique listed after it draws other numbers \(missing.what)",
                "the numbers that it draws alone: is a new batch made, which forgets what samples it has, where the "
                    + "one that was given should be changed?")
            return
        }
    }

    /// Stopped in the middle of the second epoch, a run resumes and arrives at the same bits; state is what it was.
    mutating func checkResume(_ scene: Scene) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "ballast-laws-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let policy = CheckpointPolicy(in: folder, everyEpochs: 1, everySteps: 1)
        let expected = try fit(scene, [make()], epochs: 3)
        let stopped = try start(scene, [make()], epochs: 3, checkpoints: policy)
        for _ in 0...scene.stepsPerEpoch { try stopped.step() }
        // What is kept outside the run is then that of another one.
        _ = try fit(scene, [make()], epochs: 3, seed: 77)
        let resumed: Run
        do {
            resumed = try start(scene, [make()], epochs: 3, checkpoints: policy)
        } catch {
            report(
                .roundTrip, scene, "what it saved at step \(stopped.stepCount) cannot be loaded: \(error)",
                "the run that was saved: does its name, or that of its state, differ from one instance to the next?")
            return
        }
        if !stopped.isFinished, let wrong = difference(resumed.variables, stopped.variables) {
            report(.roundTrip, scene, "after saving and loading, \(wrong)", "the variables that were saved")
        }
        try resumed.finish()
        if let wrong = difference(resumed, expected) {
            report(
                .resume, scene, "stopped after step \(stopped.stepCount) and resumed, \(wrong)",
                "the bits of the run that was never stopped; is there state outside the scope?")
        }
    }

    /// An instance of strength zero changes nothing.
    mutating func checkNeutrality(_ scene: Scene) throws {
        guard let neutral else { return }
        let (bare, run) = (try fit(scene, []), try fit(scene, [neutral]))
        if let wrong = difference(run.variables, bare.variables, tolerance: 1e-5) {
            report(
                .neutral, scene, "with \(neutral.name) at strength zero, \(wrong)",
                "what training gives without it: is there a term that the strength does not scale?")
        }
    }

    /// What a step costs.
    mutating func checkCost(_ scene: Scene) throws {
        guard let maximumShare else { return }
        for cost in try fit(scene, [make()]).costs {
            guard let share = cost.share, share > maximumShare else { continue }
            report(
                .cost, scene, "\(cost.hook.rawValue) takes \(Float(share * 100)) % of a step",
                "at most \(Float(maximumShare * 100)) %")
        }
    }
}

/// Draws at every hook, and records what.
private final class DrawWitness: LossPenalty, GradientTransform, LayerWrapper, BatchWrapper {
    struct Draw: Hashable {
        let what: String
        let words: [UInt32]
    }

    private let byStep = Mutex<[Int: Set<Draw>]>([:])

    var name: String { "law witness" }
    var sites: [Site] { [.output] }
    var parameters: ParameterSelector { .all }
    var draws: [Int: Set<Draw>] { byStep.withLock { $0 } }

    private func draw(_ hook: Hook, _ context: some HookContext) {
        guard context.isTraining else { return }
        add("at hook \(hook.rawValue)", context.random, context.globalStep)
    }

    private func add(_ what: String, _ stream: RandomStream, _ step: Int) {
        let draw = Draw(what: what, words: stream.words(2))
        byStep.withLock { _ = $0[step, default: []].insert(draw) }
    }

    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        draw(.lossPenalty, context)
        return Tensor(0)
    }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        draw(.gradientTransform, context)
        return gradients
    }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        draw(.forwardWrapper, context)
        return call.next()
    }

    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        draw(.forwardWrapper, context)
        for sample in batch.samples {
            add("for the samples of the batch", context.random(sample: sample), context.globalStep)
        }
        return batch
    }
}
