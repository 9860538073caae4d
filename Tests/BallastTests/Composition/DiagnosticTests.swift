import Ballast
import BallastPlugins
import Testing

/// What composing finds unwise or wrong: each diagnostic where it is due, and not beside it.
struct DiagnosticTests {
    @Test(arguments: DiagnosticCase.errors + DiagnosticCase.warnings)
    func `a diagnostic is raised where it is due, with its reason, its source and its cure`(
        _ diagnostic: DiagnosticCase
    ) throws {
        for (index, scene) in diagnostic.raised.enumerated() {
            let diagnostics = try scene.diagnostics()
            #expect(diagnostics.map(\.identifier) == [diagnostic.identifier], "scene \(index) finds \(diagnostics)")
            guard let finding = diagnostics.first else { continue }
            #expect(finding.technique == diagnostic.technique)
            #expect(!finding.suggestion.isEmpty)
            for name in diagnostic.names {
                #expect(finding.message.contains(name), "scene \(index): \"\(name)\" is missing in \(finding.message)")
            }
            if finding.severity == .warning, finding.identifier != "no-effect" {
                #expect(finding.reason?.isEmpty == false && finding.source?.contains { $0.isNumber } == true)
            }
        }
    }

    @Test(arguments: DiagnosticCase.errors + DiagnosticCase.warnings)
    func `a diagnostic is not raised where a little less is wrong`(_ diagnostic: DiagnosticCase) throws {
        for (index, scene) in diagnostic.missed.enumerated() {
            let diagnostics = try scene.diagnostics()
            #expect(diagnostics.isEmpty, "near miss \(index) of \(diagnostic.identifier) finds \(diagnostics)")
        }
    }

    @Test(arguments: DiagnosticCase.warnings) func `a warning can be silenced, an error cannot`(
        _ diagnostic: DiagnosticCase
    ) throws {
        for scene in diagnostic.raised {
            #expect(try scene.diagnostics(silencing: [diagnostic.identifier]).isEmpty)
            #expect(try scene.diagnostics(silencing: ["another"]).map(\.identifier) == [diagnostic.identifier])
        }
        for scene in DiagnosticCase.errors.flatMap(\.raised) {
            #expect(try !scene.diagnostics(silencing: Set(DiagnosticCase.errors.map(\.identifier))).isEmpty)
        }
    }

    @Test func `all diagnostics come in one message, errors and warnings, and a plan tells the warnings`() throws {
        let data = try Problem.rows()
        func trainer(_ selector: ParameterSelector) -> Trainer {
            Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: Adam(), batchSize: 8) {
                L2(1e-4, on: selector)
                DecoupledDecay(0.1)
                Dropout(0.5, at: .after("relu1"))
                BatchNorm(at: .before("relu2"))
                EarlyStopping(patience: 20)
            }
        }
        let warnings = [
            "adaptive-l2", "decay-on-bias", "decay-on-normalization", "l2-before-norm", "double-decay",
            "dropout-before-batch-norm", "patience-longer-than-run",
        ]
        let run = try trainer(.all).start(data, validation: data, epochs: 10)
        #expect(Set(run.diagnostics.map(\.identifier)) == Set(warnings))
        #expect(run.diagnostics.count == warnings.count)
        let plan = try trainer(.all).plan(for: data, validation: data, epochs: 10)
        #expect(plan.warnings == run.diagnostics)

        let text = message(of: CompositionError.self) { _ = try trainer(.all).start(data, epochs: 10) }
        expect(text, holds: "the composition has a mistake:", "error [no-validation] EarlyStopping")
        for warning in warnings.dropLast() { expect(text, holds: "warning [\(warning)]") }
    }

    @Test func `the last batch of data that fits in one batch counts too`() throws {
        let trainer = Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: Adam(), batchSize: 8) { BatchNorm() }
        let text = message(of: CompositionError.self) { _ = try trainer.start(Problem.rows(1), epochs: 1) }
        expect(text, holds: "[batch-norm-of-one] BatchNorm")
        _ = try trainer.start(Problem.rows(2), epochs: 1)
    }

    @Test(arguments: [(patience: 4, stops: true), (5, false)])
    func `early stopping can stop a run exactly if composing does not say that it cannot`(
        patience: Int, stops: Bool
    ) throws {
        let data = try Problem.rows()
        // Nothing is learned, so that no epoch is better than the first.
        let run = try Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0)) {
            EarlyStopping(patience: patience)
        }.fit(data, validation: data, epochs: 5)
        #expect(run.diagnostics.isEmpty == stops)
        #expect(run.end?.description.hasPrefix("EarlyStopping") == stops, "\(run.end?.description ?? "goes on")")
    }

    // MARK: Other authors

    /// A decay of another author: gets the rules about decays, and brings one about its own parameter.
    struct Shrinkage: GradientTransform {
        let factor: Float
        var stage: GradientStage { .update }
        var parameters: ParameterSelector { .weights }
        var traits: Set<TechniqueTrait> { factor < 1 ? [.decay] : [.noEffect] }

        func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
            var updates = gradients
            updates.addParameters(times: factor - 1)
            return updates
        }

        func diagnostics(in context: CompositionContext) -> [Diagnostic] {
            let perturbing = context.techniques(with: .perturbsWeights).map(\.name)
            guard factor < 0.5, !perturbing.isEmpty else { return [] }
            return [
                Diagnostic(
                    .warning, "shrinkage-against-noise", technique: name,
                    message: "shrinks what \(perturbing.joined(separator: ", ")) perturbs",
                    suggestion: "choose a factor above 0.5")
            ]
        }
    }

    @Test func `a technique of another author gets the rules about its traits, and brings its own`() throws {
        func found(_ techniques: any Technique...) throws -> [String] {
            try Scene(techniques: techniques).diagnostics().map { "\($0.identifier) \($0.technique)" }
        }
        let noise = Changer(name: "noise", traits: [.perturbsWeights])
        #expect(try found(L2(1e-4), Shrinkage(factor: 0.9)) == ["double-decay Shrinkage"])
        #expect(try found(Shrinkage(factor: 0.9), L2(1e-4)) == ["double-decay L2"])
        #expect(try found(L2(1e-4), Shrinkage(factor: 1)) == ["no-effect Shrinkage"])
        #expect(try found(noise, Shrinkage(factor: 0.4)) == ["shrinkage-against-noise Shrinkage"])
        #expect(try found(noise, Shrinkage(factor: 0.6)).isEmpty)
        #expect(try found(Shrinkage(factor: 0.4)).isEmpty)
    }

    @Test func `an optimizer of another author says whether it is adaptive`() throws {
        struct Signs: Optimizer {
            var learningRate: Float = 0.1
            var isAdaptive = false
            func update(
                _ gradient: Tensor, of parameter: Tensor, slots: inout [Tensor], at step: OptimizerStep
            ) -> Tensor { gradient.sign() * -step.learningRate }
        }
        #expect(try Scene(optimizer: Signs(), techniques: [L2(1e-4)]).diagnostics().isEmpty)
        let found = try Scene(optimizer: Signs(isAdaptive: true), techniques: [L2(1e-4)]).diagnostics()
        #expect(found.map(\.identifier) == ["adaptive-l2"])
        #expect(found.first?.message.contains("Signs") == true)
    }
}

extension TechniqueTrait {
    fileprivate static let perturbsWeights = TechniqueTrait(rawValue: "perturbsWeights")
}
