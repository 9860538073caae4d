import Ballast
import BallastPlugins
import Testing

/// The best epoch is restored whoever ends the run, and wherever the techniques are listed.
struct BestEpochTraps {
    enum Ending: String, CaseIterable {
        case otherBefore, otherAfter, epochsOver, cancelAfterEpoch, cancelMidEpoch, pause
    }

    /// Three epochs that get worse from the second on: each replaces all parameters by ones scaled up.
    private static let worse = CallbackProbe(name: "worse") { epoch, context in
        .replace(context.variables.mapParameters { $0.value * Float(epoch.epoch + 2) * -1.5 })
    }

    @Test(arguments: Ending.allCases) func `the best epoch is restored however the run ends`(ending: Ending) throws {
        let data = try Problem.rows()
        let stop = CallbackProbe(name: "stop") { epoch, _ in epoch.epoch == 2 ? .stop("enough") : .continue }
        let techniques: [any Technique] =
            switch ending {
            case .otherBefore: [stop, EarlyStopping(patience: 9), Self.worse]
            case .otherAfter: [EarlyStopping(patience: 9), Self.worse, stop]
            default: [EarlyStopping(patience: 9), Self.worse]
            }
        let cancellation = Cancellation()
        let run = try Trainer(
            Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.05), batchSize: 8,
            silencing: ["patience-longer-than-run"], composition: Composition(techniques)
        ).fit(
            data, validation: data, epochs: ending == .epochsOver ? 3 : 20, until: ending == .pause ? 3 : nil, seed: 2,
            cancellation: cancellation
        ) { event in
            guard case .stepped(let run) = event else { return }
            if ending == .cancelAfterEpoch, run.stepCount == 16 { cancellation.cancelAfterEpoch() }
            if ending == .cancelMidEpoch, run.stepCount == 25 { cancellation.cancel() }
        }
        let losses = run.history.compactMap(\.validationLoss)
        #expect(losses.count == 3)
        let best = try #require(losses.min())
        #expect(losses.last != best, "the last epoch must not be the best for this test to show anything: \(losses)")
        #expect(try run.evaluate(data).loss == best)
        let expected: RunEnd =
            switch ending {
            case .otherBefore, .otherAfter: .stopped(by: "stop", reason: "enough")
            case .epochsOver: .completed(epochs: 3)
            case .cancelAfterEpoch, .cancelMidEpoch: .cancelled
            case .pause: .paused(afterEpochs: 3)
            }
        #expect(run.end == expected)
    }

    @Test(arguments: [false, true], [false, true])
    func `with an average what is restored is what was validated, in both orders`(
        averageFirst: Bool, normalizes: Bool
    ) throws {
        let data = try Problem.rows()
        var techniques: [any Technique] = [MovingAverage(decay: 0.8), EarlyStopping(patience: 2)]
        if !averageFirst { techniques.reverse() }
        if normalizes { techniques.insert(BatchNorm(), at: 0) }
        let run = try Trainer(
            Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 1.2, momentum: 0.9), batchSize: 8,
            composition: Composition(techniques)
        ).fit(data, validation: data.prefix(20), epochs: 12, seed: 4)
        let losses = run.history.compactMap(\.validationLoss)
        let best = try #require(losses.min())
        #expect(losses.last != best, "the last epoch must not be the best: \(losses)")
        #expect(try run.evaluate(data.prefix(20)).loss == best)
    }

    @Test(arguments: [1, 9, 14]) func `a run that is cancelled in the middle of an epoch is left with its averages`(
        step: Int
    ) throws {
        let cancellation = Cancellation()
        let run = try PairedRun.fit(PairedRun.trainer([MovingAverage()]), cancellation: cancellation) { event in
            if case .stepped(let run) = event, run.stepCount == step { cancellation.cancel() }
        }
        #expect(run.end == .cancelled && run.stepCount == step)
        for entry in run.variables.parameters {
            #expect(run.variables["MovingAverage/\(entry.path)"]?.scalars == entry.value.scalars, "\(entry.path)")
        }
    }

    @Test func `a stop at an epoch where an average is validated counts`() throws {
        let run = try PairedRun.fit(
            PairedRun.trainer([
                MovingAverage(),
                CallbackProbe(name: "stop") { epoch, _ in
                    EpochDecision(stopReason: epoch.epoch == 1 ? "enough" : nil, learningRateFactor: 0.5)
                },
            ]))
        #expect(run.end == .stopped(by: "stop", reason: "enough"))
        #expect(run.history.count == 2)
        let rates = run.history.map(\.learningRate)
        #expect(rates[1] < rates[0] * 0.6)
    }
}
