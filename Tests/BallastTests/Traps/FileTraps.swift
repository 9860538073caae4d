import Ballast
import BallastPlugins
import Foundation
import Testing

/// What model files and checkpoints hold, and who may read them.
struct FileTraps {
    @Test func `a model file leaves averages out, and a trainer without the average loads it`() throws {
        try PairedRun.inFolder { folder in
            let url = folder.appending(path: "model.safetensors")
            let run = try PairedRun.fit(PairedRun.trainer([MovingAverage(), BatchNorm(), Dropout(0.1)]))
            try run.saveModel(to: url)
            let names = try SafetensorsFile(contentsOf: url).entries.map(\.name)
            #expect(!names.contains { $0.hasPrefix("MovingAverage/") })
            #expect(names.contains("BatchNorm/relu1.runningMean"))
            let input = Tensor.normal([5, 10], from: RandomStream(seed: 1, purpose: "input"))
            let expected = try run.predict(input)
            for techniques in [[MovingAverage(), BatchNorm(), Dropout(0.1)], [BatchNorm()]] as [[any Technique]] {
                let model = try PairedRun.trainer(techniques).loadModel(from: url)
                #expect(difference(try model.predict(input), expected, "prediction") == nil)
            }
        }
    }

    @Test func `a model that was trained with a penalty's own parameters is loaded without the penalty`() throws {
        try PairedRun.inFolder { folder in
            let url = folder.appending(path: "model.safetensors")
            let run = try PairedRun.fit(PairedRun.trainer([Centers()]))
            try run.saveModel(to: url)
            let input = Tensor.normal([5, 10], from: RandomStream(seed: 1, purpose: "input"))
            for techniques in [[], [Centers()]] as [[any Technique]] {
                let model = try PairedRun.trainer(techniques).loadModel(from: url)
                #expect(difference(try model.predict(input), try run.predict(input), "prediction") == nil)
            }
        }
    }

    /// Saves in the middle of an epoch with some techniques, and resumes with others.
    private func resume(_ first: [any Technique], _ second: [any Technique]) throws -> Run {
        try PairedRun.inFolder { folder in
            let policy = CheckpointPolicy(in: folder, everyEpochs: nil)
            let cancellation = Cancellation()
            _ = try PairedRun.fit(PairedRun.trainer(first), checkpoints: policy, cancellation: cancellation) { event in
                if case .stepped(let run) = event, run.stepCount == 9 { cancellation.cancel() }
            }
            let data = try Problem.rows()
            return try PairedRun.trainer(second).start(
                data, validation: data.prefix(20), epochs: 4, seed: PairedRun.seed, checkpoints: policy)
        }
    }

    @Test(arguments: 0..<4) func `a run that was saved with a technique without state resumes without it, and says so`(
        index: Int
    ) throws {
        let techniques: [any Technique] = [Dropout(0.3), L2(0.01), DecoupledDecay(0.1), TransformProbe(name: "probe")]
        let run = try resume([techniques[index], L1(0.01)], [L1(0.01)])
        #expect(run.stepCount == 9)
        #expect(run.diagnostics.map(\.identifier) == ["changed-since-checkpoint"])
        #expect(run.diagnostics.map(\.technique) == [techniques[index].name])
        try run.finish()
    }

    @Test(arguments: 0..<5) func `a run that was saved with a technique that keeps something refuses to do without it`(
        index: Int
    ) throws {
        let techniques: [any Technique] = [
            MovingAverage(), BatchNorm(), Tracker(), EarlyStopping(patience: 9), Centers(),
        ]
        let error = #expect(throws: CheckpointError.self) { try resume([techniques[index], L1(0.01)], [L1(0.01)]) }
        #expect(error?.description.contains(techniques[index].name) == true)
    }

    @Test(arguments: ["linear1.wieght", "linear9.weight", "MovingAverage/nothing"])
    func `variables of a path that the run does not have are refused, and nothing changes`(path: String) throws {
        let data = try Problem.rows()
        let run = try PairedRun.trainer([]).start(data, epochs: 1)
        let before = run.variables
        let new = Variables(entries: [
            .init(path: "linear1.weight", role: .weight, value: .ones([10, 16])),
            .init(path: path, role: .weight, value: .ones([10, 16])),
        ])
        let error = #expect(throws: DataError.self) { try run.replaceVariables(new) }
        #expect(error?.description.contains(path) == true && error?.description.contains("linear3.bias") == true)
        #expect(differences(run.variables, before) == [])
    }

    @Test func `why a run has ended survives the file, and is no text to compare`() throws {
        try PairedRun.inFolder { folder in
            let policy = CheckpointPolicy(in: folder)
            let stop = CallbackProbe(name: "a: b") { epoch, _ in
                epoch.epoch == 1 ? .stop("all 4 epochs done") : .continue
            }
            let run = try PairedRun.fit(PairedRun.trainer([stop]), checkpoints: policy)
            let again = try PairedRun.fit(PairedRun.trainer([stop]), checkpoints: policy)
            #expect(run.end == .stopped(by: "a: b", reason: "all 4 epochs done"))
            #expect(again.end == run.end && again.history.count == 2)
        }
    }
}
