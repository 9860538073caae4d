import Ballast
import BallastPlugins
import Testing

/// A composition that cannot work is refused before the first step, with all its mistakes in one message.
struct CompositionErrorTests {
    private func mistakes(
        validation: Bool = false, sourceLocation: SourceLocation = #_sourceLocation,
        @CompositionBuilder _ techniques: () -> [any Technique]
    ) throws -> String {
        let data = try Problem.rows()
        let trainer = Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1), techniques)
        return message(of: CompositionError.self, sourceLocation: sourceLocation) {
            _ = try trainer.fit(
                data, validation: validation ? data : nil, epochs: 1,
                observer: { event in
                    Issue.record("the run began: \(event)", sourceLocation: sourceLocation)
                })
        }
    }

    @Test func `a site that matches nothing is refused, and the layers that there are are listed`() throws {
        let text = try mistakes { Dropout(0.5, at: .after("relu3")) }
        expect(
            text, holds: "error [no-such-site] Dropout", ".after(\"relu3\") matches no layer",
            "choose among: linear1 (linear), relu1 (relu), linear2 (linear), relu2 (relu), linear3 (linear)")
        expect(
            try mistakes { PenaltyProbe(name: "p", observes: [.kind("conv")]) }, holds: "[no-such-site] p",
            ".kind(\"conv\")")
        expect(
            try mistakes { WrapperProbe(name: "w", sites: []) }, holds: "[no-site] w")
        let partly = try mistakes { WrapperProbe(name: "w", sites: [.after("relu1"), .before("linear9")]) }
        expect(partly, holds: ".before(\"linear9\")")
        #expect(!partly.contains(".after(\"relu1\")"))
    }

    @Test func `a parameter selector that matches nothing is refused, and the parameters that there are are listed`()
        throws
    {
        let text = try mistakes { L2(0.1, on: .named("encoder.*")) }
        expect(
            text, holds: "error [no-such-parameter] L2", ".named(\"encoder.*\") matches no trained parameter",
            "linear1.weight (weight), linear1.bias (bias)", "linear3.bias (bias)")
        expect(
            try mistakes { DecoupledDecay(0.1, on: .role(.normalization)) },
            holds: "[no-such-parameter] DecoupledDecay", ".role(.normalization)")
    }

    @Test func `two techniques of one name are refused, and names that paths cannot hold`() throws {
        expect(
            try mistakes {
                Dropout(0.1)
                Dropout(0.2)
            }, holds: "error [duplicate-name] Dropout")
        for name in ["", "a/b", "optimizer", "initial", "final"] {
            expect(try mistakes { PenaltyProbe(name: name) }, holds: "[bad-name]", "\"\(name)\" cannot be the name")
        }
        let data = try Problem.rows()
        let run = try Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1)) {
            Dropout(0.1)
            Dropout(0.2, named: "second")
        }.fit(data, epochs: 1)
        #expect(run.history.count == 1)
    }

    @Test func `early stopping without validation, or on what is not measured, is refused`() throws {
        expect(
            try mistakes { EarlyStopping(patience: 2) }, holds: "error [no-validation] EarlyStopping", "validationLoss",
            "trainLoss")
        expect(
            try mistakes(validation: true) { EarlyStopping(patience: 2, monitor: "F1") },
            holds: "[no-such-metric] EarlyStopping", "\"F1\"", "choose among: trainLoss, validationLoss, accuracy")
        let data = try Problem.rows()
        let run = try Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1)) {
            EarlyStopping(patience: 2, monitor: "trainLoss")
        }.fit(data, epochs: 2)
        #expect(run.history.count == 2)
    }

    @Test func `all mistakes come in one message, and a plan reports them too`() throws {
        let techniques: [any Technique] = [
            Dropout(0.1, at: .after("nowhere")), Dropout(0.2), L2(0.1, on: .named("nothing")),
            EarlyStopping(patience: 1),
        ]
        let text = try mistakes { techniques }
        expect(
            text, holds: "4 mistakes", "no-such-site", "duplicate-name", "no-such-parameter",
            "no-validation")
        let trainer = Trainer(
            Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1),
            composition: Composition(techniques))
        let planned = message(of: CompositionError.self) { _ = try trainer.plan(for: Problem.rows()) }
        #expect(planned == text)
    }

    @Test func `a warning is told with its cure and can be silenced, and does not refuse the run`() throws {
        struct Doubtful: LossPenalty {
            func diagnostics(in context: CompositionContext) -> [Diagnostic] {
                [
                    Diagnostic(
                        .warning, "doubtful", technique: name, message: "is doubtful", reason: "it is",
                        suggestion: "leave it"
                    )
                ]
            }
            func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor { Tensor(0) }
        }
        let data = try Problem.rows()
        func warnings(silencing: Set<String>) throws -> [String] {
            var told: [String] = []
            let run = try Trainer(
                Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1), silencing: silencing
            ) { Doubtful() }.fit(data, epochs: 1) { event in
                if case .warned(let finding) = event { told.append(finding.description) }
            }
            #expect(run.diagnostics.map(\.description) == told)
            return told
        }
        let told = try warnings(silencing: ["another"])
        #expect(told.count == 1)
        expect(
            told.first ?? "", holds: "warning [doubtful] Doubtful: is doubtful", "why: it is", "fix: leave it",
            "silencing: [\"doubtful\"]")
        #expect(try warnings(silencing: ["doubtful"]).isEmpty)
    }
}
