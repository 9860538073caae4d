internal import Ballast
internal import Foundation
internal import Synchronization

extension Examination {
    /// The same seed gives the same bits.
    mutating func checkDeterminism(_ scene: Scene) throws {
        let (first, second) = (try fit(scene, [make()]), try fit(scene, [make()]))
        if let wrong = difference(second, first) {
            report(.deterministic, scene, "of two runs with one seed, \(wrong)", "the same bits")
        }
    }

    /// Any number of threads gives the same bits, on batches that are large enough to be shared among them.
    mutating func checkThreads(_ scene: Scene) throws {
        let many = scene.data.subset((0..<640).map { $0 % scene.data.count })
        let wide = scene.with(data: many, batchSize: 320)
        let count = Kernels.threadCount
        defer { Kernels.threadCount = count }
        let runs = try [1, 3].map { threads in
            Kernels.threadCount = threads
            return try fit(wide, [make()])
        }
        if let wrong = difference(runs[1], runs[0]) {
            report(.deterministic, scene, "on 3 threads, \(wrong)", "the bits of 1 thread")
        }
    }

    /// A composition serves several runs, in turn and one after the other.
    mutating func checkIsolation(_ scene: Scene) throws {
        let expected = try fit(scene, [make()])
        let shared: [any Technique] = [make()]
        let (first, other) = (try start(scene, shared), try start(scene, shared, seed: 99))
        var goOn = true
        while goOn {
            let (a, b) = (try first.step(), try other.step())
            goOn = a || b
        }
        if let wrong = difference(first, expected) {
            report(.isolation, scene, "beside another run of the same composition, \(wrong)", "the bits of a run alone")
        }
        if let wrong = difference(try fit(scene, shared), expected) {
            report(.isolation, scene, "in a second run of the same composition, \(wrong)", "the bits of the first")
        }
    }

    /// An instance acts the same beside another one that is called, but without effect.
    mutating func checkSeparation(_ scene: Scene) throws {
        let alone = try fit(scene, [make()])
        let twin = renamed.map { $0("Twin") } ?? standIn(for: make(), named: "Twin")
        if twin.name != "Twin" {
            report(
                .separate, scene, "asked for the name \"Twin\", it is called \"\(twin.name)\"", "the name it is given")
            return
        }
        let both = try fit(scene, [standIn(for: twin, isMuted: true), make()])
        if let wrong = difference(both.variables, alone.variables, tolerance: 1e-3) {
            report(
                .separate, scene, "beside a second instance that changes nothing, \(wrong)",
                "an instance that knows nothing of the other")
        }
    }

    /// Others draw the same numbers with and without the technique.
    mutating func checkDraws(_ scene: Scene) throws {
        let (alone, beside) = (Witness(), Witness())
        _ = try fit(scene, [alone])
        _ = try fit(scene, [make(), beside])
        let (expected, got) = (alone.draws, beside.draws)
        let count = min(expected.count, got.count)
        if let index = (0..<count).first(where: { expected[$0] != got[$0] }) {
            report(
                .draws, scene, "draw \(index) of another technique is \(got[index])",
                "\(expected[index]), as without it")
        }
    }

    /// Stopped in the middle of the second epoch, a run goes on to the same bits; state is what it was.
    mutating func checkResume(_ scene: Scene) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "ballast-laws-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let policy = CheckpointPolicy(in: folder, everyEpochs: 1, everySteps: 1)
        let expected = try fit(scene, [make()], epochs: 3)
        let stopped = try start(scene, [make()], epochs: 3, checkpoints: policy)
        for _ in 0...scene.stepsPerEpoch { try stopped.step() }
        // What is kept outside the run is then that of another one.
        _ = try fit(scene, [make()], epochs: 3, seed: 77)
        let resumed = try start(scene, [make()], epochs: 3, checkpoints: policy)
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
            report(.neutral, scene, "with \(neutral.name) at strength zero, \(wrong)", "what training gives without it")
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

/// Draws at every hook, and writes down what.
private final class Witness: LossPenalty, GradientTransform, ForwardWrapper {
    private let words = Mutex<[[UInt32]]>([])

    var name: String { "law witness" }
    var sites: [Site] { [.batch, .output] }
    var penalizes: ParameterSelector { .all }
    var draws: [[UInt32]] { words.withLock { $0 } }

    private func draw(_ context: some HookContext) {
        guard context.isTraining else { return }
        let drawn = context.random.words(2)
        words.withLock { $0.append(drawn) }
    }

    func lossPenalty(_ parameters: Parameters, in context: StepContext) -> Tensor {
        draw(context)
        return Tensor(0)
    }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        draw(context)
        return gradients
    }

    func forwardWrapper(_ call: LayerCall, in context: ForwardContext) -> Tensor {
        draw(context)
        return call.next()
    }

    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        draw(context)
        return batch
    }
}
