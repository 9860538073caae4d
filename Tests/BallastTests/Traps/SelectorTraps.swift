import Ballast
import BallastPlugins
import Testing

/// What a technique says it acts on, and what it acts on.
struct SelectorTraps {
    static let selectors: [ParameterSelector] = [
        .weights, .all, .role(.bias), .named("linear2"), .named("linear*.weight"),
        .excluding(.all, .named("linear1.*")), .both(.weights, .named("linear3")),
    ]

    /// The paths of the parameters that moved in a step.
    private func moved(_ technique: any Technique, groups: [ParameterGroup] = []) throws -> (Set<String>, Plan) {
        let data = try Problem.rows()
        // The data gives no gradient: what moves is moved by the technique.
        let loss = Loss("none", target: .classes) { output, _ in (output * 0).sum() }
        let trainer = Trainer(
            Problem.perceptron, loss: loss, optimizer: SGD(learningRate: 0.5), batchSize: 60, groups: groups,
            composition: Composition([technique]))
        let run = try trainer.start(data, epochs: 1)
        try run.replaceVariables(run.variables.mapParameters { Tensor.full($0.value.shape, 2) })
        let before = run.variables
        try run.step()
        let after = run.variables
        let paths = before.entries.filter { after[$0.path]?.scalars != $0.value.scalars }.map(\.path)
        return (Set(paths), try trainer.plan(for: data))
    }

    private static func add(_ stage: GradientStage, _ selector: ParameterSelector) -> TransformProbe {
        TransformProbe(name: "add", stage: stage, parameters: selector) { gradients, _, _ in
            gradients.addParameters(times: 0.1)
        }
    }

    struct SquaresOfAll: LossPenalty {
        let parameters: ParameterSelector
        func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
            parameters.reduce(Tensor(0)) { $0 + $1.value.squared().sum() }
        }
    }

    @Test(arguments: selectors.indices, [nil, ParameterGroup.frozen(.named("linear3"))])
    func `a plan names exactly the parameters that a technique moves`(index: Int, group: ParameterGroup?) throws {
        let selector = Self.selectors[index]
        let techniques: [any Technique] =
            [SquaresOfAll(parameters: selector), L2(0.1, on: selector), L1(0.1, on: selector)]
            + [DecoupledDecay(0.1, on: selector), ProximalL1(0.1, on: selector)]
            + GradientStage.allCases.map { Self.add($0, selector) }
        let groups = group.map { [$0] } ?? []
        let isEmpty = group != nil && index == 6
        for technique in techniques {
            if isEmpty {
                // All that it selects is frozen.
                let error = #expect(throws: CompositionError.self) { try moved(technique, groups: groups) }
                #expect(error?.diagnostics.map(\.identifier) == ["no-such-parameter"])
                continue
            }
            let (paths, plan) = try moved(technique, groups: groups)
            #expect(!paths.isEmpty)
            #expect(paths == Set(plan.entries.flatMap(\.parameters)), "\(technique) \(selector)")
        }
    }

    @Test func `a selector that matches nothing is refused`() throws {
        for stage in GradientStage.allCases {
            let error = #expect(throws: CompositionError.self) { try moved(Self.add(stage, .named("linaer*"))) }
            #expect(error?.diagnostics.map(\.identifier) == ["no-such-parameter"])
        }
    }

    private struct Neither: ForwardWrapper {
        var sites: [Site] { [.after(.activations)] }
        func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch { batch }
    }

    @Test func `a technique that conforms to the hook alone, and to neither of its forms, is refused`() throws {
        let error = #expect(throws: CompositionError.self) {
            try PairedRun.fit(PairedRun.trainer([Neither()]))
        }
        #expect(error?.diagnostics.map(\.identifier) == ["no-form"])
        #expect(error?.diagnostics.map(\.technique) == ["Neither"])
    }

    @Test(arguments: [GradientStage.gradient, .applied])
    func `a soft threshold is refused where there is nothing to fold it into`(stage: GradientStage) throws {
        let technique = TransformProbe(name: "soft", stage: stage) { gradients, _, _ in
            gradients.applySoftThreshold(0, 0.1)
        }
        let error = #expect(throws: TrainingError.self) { try PairedRun.fit(PairedRun.trainer([technique])) }
        let mistake = error?.underlying as? TechniqueError
        #expect(mistake?.technique == "soft" && mistake?.hook == .gradientTransform)
        #expect(mistake?.site == ".\(stage.rawValue)")
    }

    @Test(arguments: [true, false]) func `what is listed before a technique that replaces gradients is an error`(
        clipsFirst: Bool
    ) throws {
        let clip = TransformProbe(name: "clip") { gradients, _, _ in gradients.scale(by: 0.5) }
        let techniques: [any Technique] = clipsFirst ? [clip, Sharpness()] : [Sharpness(), clip]
        do {
            let run = try PairedRun.fit(PairedRun.trainer(techniques))
            #expect(!clipsFirst && run.history.count == 4)
        } catch let error as CompositionError {
            #expect(clipsFirst)
            #expect(error.diagnostics.map(\.identifier) == ["replaced-gradients"])
            #expect(error.diagnostics.map(\.technique) == ["Sharpness"])
        }
    }
}
