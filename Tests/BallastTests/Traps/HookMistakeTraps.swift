import Ballast
import BallastPlugins
import Testing

/// Mistakes in what hooks return: each throws an error that names technique, hook and site, and the process lives.
struct HookMistakeTraps {
    struct Mistake: Sendable {
        let technique: any Technique
        let hook: Hook
        let site: String?

        init(_ technique: any Technique, _ hook: Hook, _ site: String? = nil) {
            (self.technique, self.hook, self.site) = (technique, hook, site)
        }
    }

    private static func wrapper(
        _ site: Site, _ body: @escaping @Sendable (Tensor, LayerCall) -> Tensor
    ) -> WrapperProbe {
        WrapperProbe(name: "bad", sites: [site]) { call, context, _ in
            let x = call.next()
            return context.isTraining ? body(x, call) : x
        }
    }

    private static func integers(_ shape: Shape) -> Tensor {
        Tensor(integers: Array(repeating: 0, count: shape.elementCount), shape: shape)
    }

    private static func penalty(_ body: @escaping @Sendable (PenaltyContext) -> Tensor) -> PenaltyBody {
        PenaltyBody(body: body)
    }

    struct PenaltyBody: LossPenalty {
        let name = "bad"
        let body: @Sendable (PenaltyContext) -> Tensor
        func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
            context.isTraining ? body(context) : Tensor(0)
        }
    }

    private static func transform(
        _ stage: GradientStage, _ body: @escaping @Sendable (inout Gradients, GradientContext) -> Void
    ) -> TransformProbe {
        TransformProbe(name: "bad", stage: stage) { gradients, context, _ in body(&gradients, context) }
    }

    private static func callback(
        _ body: @escaping @Sendable (EpochRecord, EpochContext) -> EpochDecision
    ) -> CallbackProbe { CallbackProbe(name: "bad", body: body) }

    private static func wrong(_ variables: Variables) -> Variables {
        variables.mapParameters { $0.path == "linear1.bias" ? Tensor.zeros([1]) : $0.value }
    }

    private static func misspelt(_ variables: Variables) -> Variables {
        Variables(entries: variables.entries.map { .init(path: $0.path + "s", role: $0.role, value: $0.value) })
    }

    private static func poisoned(_ variables: Variables) -> Variables {
        variables.mapParameters { $0.path == "linear1.bias" ? $0.value * .nan : $0.value }
    }

    private static let wrappers: [Mistake] = [
        .init(wrapper(.after("relu1")) { x, _ in x.slice(axis: 0, 0..<1) }, .forwardWrapper, ".after(\"relu1\")"),
        .init(wrapper(.before("linear2")) { x, _ in x.slice(axis: 1, 0..<3) }, .forwardWrapper, ".before(\"linear2\")"),
        .init(wrapper(.around("linear1")) { x, _ in x.sum() }, .forwardWrapper, ".around(\"linear1\")"),
        .init(wrapper(.around("linear1")) { _, call in call.input }, .forwardWrapper, ".around(\"linear1\")"),
        .init(wrapper(.after("linear3")) { x, _ in integers(x.shape) }, .forwardWrapper, ".after(\"linear3\")"),
        .init(wrapper(.input) { x, _ in integers(x.shape) }, .forwardWrapper, ".input"),
        .init(wrapper(.output) { x, _ in x.sum(axes: [1]) }, .forwardWrapper, ".output"),
        .init(wrapper(.around(.model)) { _, call in call.input }, .forwardWrapper, ".around(.model)"),
        .init(
            wrapper(.around("linear1")) { _, call in
                call.next(call.input, replacing: call.parameters.map { $0.with(.zeros([1])) })
            }, .forwardWrapper, ".around(\"linear1\")"),
    ]

    private static func batch(_ body: @escaping @Sendable (inout Batch) -> Void) -> BatchProbe {
        BatchProbe(name: "bad") { batch, _, _ in
            var batch = batch
            body(&batch)
            return batch
        }
    }

    private static let batches: [Mistake] = [
        batch { $0.input = $0.input.slice(axis: 0, 0..<2) },
        batch { $0.input = $0.input.slice(axis: 1, 0..<2) },
        batch { $0.input = integers($0.input.shape) },
        batch { $0.target = integers([1]) },
        batch { $0.target = Tensor.zeros([$0.count, 7]) },
        batch { $0.target = Tensor(integers: Array(repeating: 3, count: $0.count)) },
        batch { $0.target = Tensor(integers: Array(repeating: -1, count: $0.count)) },
        batch { $0 = Batch(input: $0.input.slice(axis: 0, 0..<2), target: $0.target.slice(axis: 0, 0..<2)) },
    ].map { .init($0, .forwardWrapper, "the batch") }

    private static let penalties: [Mistake] = [
        penalty { $0.output.squared() }, penalty { _ in integers([1]) }, penalty { _ in Tensor.zeros([0]) },
    ].map { .init($0, .lossPenalty) }

    private static let transforms: [Mistake] = GradientStage.allCases.flatMap { stage -> [Mistake] in
        [
            .init(transform(stage) { gradients, _ in gradients[1] = .zeros([5]) }, .gradientTransform, ".\(stage)"),
            .init(
                transform(stage) { gradients, _ in gradients[1] = integers(gradients[1].shape) }, .gradientTransform,
                ".\(stage)"),
            .init(
                transform(stage) { gradients, context in gradients = context.gradients(at: [Tensor(0)]) },
                .gradientTransform, "gradients(at:)"),
            .init(
                transform(stage) { gradients, context in
                    gradients = context.gradients(at: gradients.indices.map { _ in Tensor(0) })
                }, .gradientTransform, "gradients(at:)"),
        ]
    }

    private static let callbacks: [Mistake] = [
        callback { _, context in .replace(wrong(context.variables)) },
        callback { _, context in .replace(misspelt(context.variables)) },
        callback { _, context in .replace(poisoned(context.variables)) },
        callback { _, context in EpochDecision(finalVariables: wrong(context.variables)) },
        callback { _, context in EpochDecision(finalVariables: poisoned(context.variables)) },
        callback { _, _ in .scaleLearningRate(by: .nan) },
        callback { _, _ in .scaleLearningRate(by: -1) },
        CallbackProbe(name: "bad", validating: { wrong($0.variables) }),
        CallbackProbe(name: "bad", validating: { misspelt($0.variables) }),
        CallbackProbe(name: "bad", validating: { poisoned($0.variables) }),
    ].map { .init($0, .epochCallback) }

    static let mistakes = wrappers + batches + penalties + transforms + callbacks

    @Test(arguments: mistakes.indices, [1, 2])
    func `a value of the wrong shape, type or count is an error that names technique, hook and site`(
        index: Int, shards: Int
    ) throws {
        let mistake = Self.mistakes[index]
        let error = #expect(throws: TrainingError.self) {
            try PairedRun.fit(PairedRun.trainer([L2(0.01), mistake.technique, Dropout(0.2)], shards: shards))
        }
        let found = error?.underlying as? TechniqueError
        #expect(found?.technique == "bad", "\(error.map { "\($0)" } ?? "nothing was thrown")")
        #expect(found?.hook == mistake.hook)
        #expect(found?.site == mistake.site)
        #expect(error?.run?.variables.entries.allSatisfy { $0.value.scalars.allSatisfy(\.isFinite) } == true)
    }

    @Test(arguments: ["input", "target", "around", "penalty", "gradient", "update", "applied"])
    func `a number that is not finite is an error that names technique and hook`(place: String) throws {
        let (technique, hook): (any Technique, Hook) =
            switch place {
            case "input": (Self.batch { $0.input = $0.input * .nan }, .forwardWrapper)
            case "target": (Self.batch { $0.target = $0.probabilities(classes: 3) * .infinity }, .forwardWrapper)
            case "around": (Self.wrapper(.around("linear2")) { x, _ in x * .infinity }, .forwardWrapper)
            case "penalty": (Self.penalty { _ in Tensor(.nan) }, .lossPenalty)
            case "gradient": (Self.transform(.gradient) { $0.scale(by: $1.epoch == 0 ? .nan : 1) }, .gradientTransform)
            case "update":
                (Self.transform(.update) { gradients, _ in gradients[0] = gradients[0] * .nan }, .gradientTransform)
            default:
                (Self.transform(.applied) { gradients, _ in gradients[0] = gradients[0] * .nan }, .gradientTransform)
            }
        let error = #expect(throws: TrainingError.self) {
            try PairedRun.fit(PairedRun.trainer([L2(0.01), technique]))
        }
        let text = error?.description ?? ""
        #expect(text.contains("bad") && text.contains(hook.rawValue), "\(text)")
        #expect(error?.run?.variables.entries.allSatisfy { $0.value.scalars.allSatisfy(\.isFinite) } == true)
        #expect(error?.run?.stepCount == 0)
    }

    @Test(arguments: ["set", "blend", "integers"], ["layer", "transform", "callback"])
    func `a value that a state cannot take is an error that names the state`(way: String, hook: String) throws {
        @Sendable func spoil(_ scope: Scope) {
            let state = scope.state("mean", [2], initial: .zeros)
            switch way {
            case "set": state.value = .zeros([3])
            case "blend": state.blend(.zeros([1]), weight: 0.5)
            default: state.value = Self.integers([2])
            }
        }
        let technique: any Technique =
            switch hook {
            case "layer":
                WrapperProbe(name: "bad", sites: [.after("relu1")]) { call, context, _ in
                    spoil(context.scope)
                    return call.next()
                }
            case "transform": Self.transform(.gradient) { _, context in spoil(context.scope) }
            default:
                Self.callback { _, context in
                    spoil(context.scope)
                    return .continue
                }
            }
        let error = #expect(throws: TrainingError.self) {
            try PairedRun.fit(PairedRun.trainer([technique, Dropout(0.1)]))
        }
        #expect(error?.description.contains(hook == "layer" ? "\"bad/relu1.mean\"" : "\"bad/mean\"") == true)
        let values = error?.run?.variables.entries.first { $0.path.hasPrefix("bad/") }?.value.scalars
        #expect(values == nil || values == [0, 0])
    }

    /// The error that ends the run comes from a hook that is called after the optimizer's memory has moved.
    @Test(arguments: [GradientStage.update, .applied])
    func `a mistake after the optimizer's step does not leave a checkpoint that repeats the step`(
        stage: GradientStage
    ) throws {
        try PairedRun.inFolder { folder in
            func trainer(_ badStep: Int) -> Trainer {
                PairedRun.trainer([
                    TransformProbe(name: "bad", stage: stage) { gradients, context, _ in
                        gradients[0] = context.globalStep == badStep ? .zeros([1]) : gradients[0] * 0.9
                    }
                ])
            }
            let policy = CheckpointPolicy(in: folder, everySteps: 3)
            let error = #expect(throws: TrainingError.self) { try PairedRun.fit(trainer(10), checkpoints: policy) }
            #expect((error?.underlying as? TechniqueError)?.technique == "bad")
            let resumed = try PairedRun.fit(trainer(-1), checkpoints: policy)
            #expect(differences(resumed.variables, try PairedRun.fit(trainer(-1)).variables) == [])
        }
    }

    @Test func `a run that throws hands out the last good variables`() throws {
        let spoil = TransformProbe(name: "spoil") { gradients, context, _ in
            if context.globalStep == 9 { gradients[0] = gradients[0] * .nan }
        }
        let error = #expect(throws: TrainingError.self) { try PairedRun.fit(PairedRun.trainer([spoil, Dropout(0.3)])) }
        let run = try #require(error?.run)
        let data = try Problem.rows()
        let harmless = TransformProbe(name: "spoil") { _, _, _ in }
        let expected = try PairedRun.trainer([harmless, Dropout(0.3)]).start(
            data, validation: data.prefix(20), epochs: 4, seed: PairedRun.seed)
        for _ in 0..<9 { try expected.step() }
        #expect(run.stepCount == 9)
        #expect(differences(run.variables, expected.variables) == [])
        #expect(try run.evaluate(data) == expected.evaluate(data))
    }

    @Test func `nested gradients end the process with a word, and never give zeros in silence`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let jacobian = PenaltyBody { context in
                gradient(at: Tensor.ones(context.output.shape)) { ($0 * context.output).sum() }.squared().mean()
            }
            _ = try PairedRun.fit(PairedRun.trainer([jacobian]))
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("gradient: ") && text.contains("(in \"bad\")"), "\(text)")
    }
}
