import Ballast
import BallastPlugins
import Foundation
import Testing

/// The path of a batch through a step, and the comment that describes it.
struct StepPathTests {
    private static let reads = TransformProbe(name: "reads", stage: .update) { updates, _, _ in _ = updates[0] }

    /// The parts of the first steps of an epoch in order, and those of its end.
    private func path(_ techniques: [any Technique], shards: Int = 1, batchSize: Int = 60) throws -> [String] {
        let data = try Problem.rows()
        var trainer = PairedRun.trainer(techniques, shards: shards)
        trainer.batchSize = batchSize
        let run = try trainer.start(data, validation: data, epochs: 2)
        var parts: [String] = []
        run.tracePath { parts.append($0) }
        while run.history.isEmpty { try run.step() }
        return parts
    }

    private static let plain = ["Batch", "Pass", "BoundModel", "Loss", "Tape", "Optimizer", "EpochRecord", "RunState"]

    @Test func `a step without techniques has the parts of plain training`() throws {
        #expect(try path([]) == Self.plain)
        #expect(try path([], batchSize: 30) == Array(Self.plain.prefix(6)) + Self.plain)
    }

    /// Where each kind of technique comes in: before which part.
    @Test(arguments: 0..<8) func `each kind of technique comes in at its place, and at no other`(index: Int) throws {
        let wrapper = WrapperProbe(name: "wrapper", sites: [.after("relu1"), .before("linear3")])
        let cases: [(technique: any Technique, words: [String], before: String)] = [
            (BatchProbe(name: "batch"), ["BatchWrapper"], "Pass"),
            (wrapper, ["LayerWrapper", "LayerWrapper"], "Loss"),
            (PenaltyProbe(name: "penalty"), ["LossPenalty"], "Tape"),
            (TransformProbe(name: "gradient"), [".gradient"], "Optimizer"),
            (TransformProbe(name: "update", stage: .update), [".update"], "Optimizer"),
            (Self.reads, [".update"], "Optimizer"),
            (TransformProbe(name: "applied", stage: .applied), [".applied"], "EpochRecord"),
            (CallbackProbe(name: "callback"), ["EpochCallback"], "RunState"),
        ]
        let (technique, words, before) = cases[index]
        var expected = Self.plain
        expected.insert(contentsOf: words, at: try #require(expected.firstIndex(of: before)))
        var got = try path([technique])
        // A wrapper runs in the validation, too.
        if index == 1 {
            let end = try #require(got.firstIndex(of: "EpochRecord"))
            got = got[..<end].filter { _ in true } + got[end...].filter { $0 != "LayerWrapper" }
        }
        #expect(got == expected)
    }

    @Test func `shards repeat the passes, and nothing else`() throws {
        let pass = ["Pass", "BoundModel", "Loss", "LossPenalty", "Tape"]
        let expected =
            ["Batch", "BatchWrapper"] + pass + pass + pass + [".gradient", "Optimizer", "EpochRecord", "RunState"]
        let techniques: [any Technique] = [
            TransformProbe(name: "t"), PenaltyProbe(name: "p"), BatchProbe(name: "b"),
        ]
        #expect(try path(techniques, shards: 3) == expected)
    }

    @Test func `the comment on TrainingStep names the parts in the order in which they happen`() throws {
        let all: [any Technique] = [
            CallbackProbe(name: "callback"), TransformProbe(name: "applied", stage: .applied), Self.reads,
            TransformProbe(name: "gradient"), PenaltyProbe(name: "penalty"),
            WrapperProbe(name: "wrapper", sites: [.after("relu1")]), BatchProbe(name: "batch"),
        ]
        let parts = try path(all)
        let source = try String(
            contentsOf: Folders.root.appending(path: "Sources/BallastCore/Training/TrainingStep.swift"), encoding: .utf8
        )
        let comment = source.prefix(upTo: try #require(source.range(of: "final class TrainingStep")).lowerBound)
        let numbered = comment.split(separator: "\n").drop { !$0.hasPrefix("/// 1.") }.joined(separator: "\n")
        let named = numbered.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .filter { !$0.offset.isMultiple(of: 2) }.map { String($0.element) }
        let unknown = parts.filter { !named.contains($0) }
        #expect(unknown == [])
        let wanted = named.filter { parts.contains($0) }
        var first: [String] = []
        for word in wanted where !first.contains(word) { first.append(word) }
        #expect(first == parts)
    }
}
