import Ballast
import BallastPlugins
import Foundation
import Testing

/// Runs that are stopped in every way, crossed with everything that a run can use: they come to the same bits as a run
/// that was never stopped.
struct ResumePairs {
    private func expectSame(_ got: Run, _ expected: Run, _ note: Comment) throws {
        #expect(differences(got.variables, expected.variables) == [], note)
        #expect(account(got) == account(expected), note)
        #expect(got.stepCount == expected.stepCount, note)
        #expect(got.end == expected.end, note)
        let data = try Problem.rows()
        #expect(try got.evaluate(data) == expected.evaluate(data), note)
    }

    @Test(arguments: Feature.all) func `a run that is cancelled in every epoch`(feature: Feature) throws {
        let expected = try PairedRun.fit(feature.trainer)
        try PairedRun.inFolder { folder in
            let policy = CheckpointPolicy(in: folder, everyEpochs: nil)
            // In the first step, in the middle, in the last step of an epoch, right after it.
            for step in [1, 4, 7, 9, 14, 20, 27] {
                let cancellation = Cancellation()
                let run = try PairedRun.fit(feature.trainer, checkpoints: policy, cancellation: cancellation) { event in
                    if case .stepped(let run) = event, run.stepCount == step { cancellation.cancel() }
                }
                if run.end != .cancelled { break }
            }
            try expectSame(try PairedRun.fit(feature.trainer, checkpoints: policy), expected, "\(feature.name)")
        }
    }

    @Test(arguments: Feature.all) func `a run that pauses after each epoch, and is asked twice`(feature: Feature) throws
    {
        let expected = try PairedRun.fit(feature.trainer)
        try PairedRun.inFolder { folder in
            let policy = CheckpointPolicy(in: folder)
            for epoch in 1...4 {
                let run = try PairedRun.fit(feature.trainer, until: epoch, checkpoints: policy)
                let again = try PairedRun.fit(feature.trainer, until: epoch, checkpoints: policy)
                try expectSame(again, run, "\(feature.name), again after epoch \(epoch)")
                let whole = try PairedRun.fit(feature.trainer, until: epoch)
                try expectSame(run, whole, "\(feature.name), paused after epoch \(epoch)")
            }
            try expectSame(try PairedRun.fit(feature.trainer, checkpoints: policy), expected, "\(feature.name)")
        }
    }

    @Test(arguments: Feature.all) func `a run that is dropped, as a process that dies`(feature: Feature) throws {
        let expected = try PairedRun.fit(feature.trainer)
        let data = try Problem.rows()
        for (steps, seconds) in [(3, nil), (nil, 1e-9)] as [(Int?, Double?)] {
            try PairedRun.inFolder { folder in
                let policy = CheckpointPolicy(
                    in: folder, everyEpochs: nil, everySteps: steps, everySeconds: seconds)
                for count in [5, 2, 8] {
                    let run = try feature.trainer.start(
                        data, validation: data.prefix(20), epochs: 4, seed: PairedRun.seed, checkpoints: policy)
                    for _ in 0..<count { try run.step() }
                }
                let run = try PairedRun.fit(feature.trainer, checkpoints: policy)
                try expectSame(run, expected, "\(feature.name), \(steps.map { "\($0) steps" } ?? "seconds")")
            }
        }
    }

    @Test(arguments: Feature.all) func `a run that is cancelled after epochs`(feature: Feature) throws {
        let expected = try PairedRun.fit(feature.trainer)
        try PairedRun.inFolder { folder in
            let policy = CheckpointPolicy(in: folder, everyEpochs: 3)
            for _ in 0..<3 {
                let cancellation = Cancellation()
                cancellation.cancelAfterEpoch()
                _ = try PairedRun.fit(feature.trainer, checkpoints: policy, cancellation: cancellation)
            }
            try expectSame(try PairedRun.fit(feature.trainer, checkpoints: policy), expected, "\(feature.name)")
        }
    }

    @Test func `a change of groups is told when a run resumes`() throws {
        try PairedRun.inFolder { folder in
            let policy = CheckpointPolicy(in: folder)
            _ = try PairedRun.fit(PairedRun.trainer([]), until: 1, checkpoints: policy)
            let data = try Problem.rows()
            let run = try PairedRun.trainer([], groups: [.frozen(.named("linear1"))]).start(
                data, validation: data.prefix(20), epochs: 4, seed: PairedRun.seed, checkpoints: policy)
            #expect(run.diagnostics.map(\.identifier) == ["changed-since-checkpoint"])
            #expect(run.diagnostics.map(\.technique) == ["groups"])
        }
    }
}
