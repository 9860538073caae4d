import Ballast
import BallastPlugins
import Synchronization
import Testing

/// `gradients(at:)`, crossed with frozen parameters, groups, shards and penalties.
struct GradientPairs {
    /// What a probe computed.
    private final class Found: Sendable {
        private let stored = Mutex<[(path: String, here: [Float], there: [Float])]>([])
        var all: [(path: String, here: [Float], there: [Float])] { stored.withLock { $0 } }
        func add(_ path: String, _ here: Tensor, _ there: Tensor) {
            stored.withLock { $0.append((path, here.scalars, there.scalars)) }
        }
    }

    private static let groupings: [[ParameterGroup]] = [
        [], [.frozen(.named("linear1"))],
        [.frozen(.role(.bias)), ParameterGroup(.named("linear2"), learningRateScale: 2)],
        [ParameterGroup(.all, learningRateScale: 0.1), .frozen(.named("linear3.weight"))],
    ]

    @Test(arguments: groupings.indices, [1, 2, 3])
    func `the gradients at the present values are those of the step`(index: Int, shards: Int) throws {
        for selector in [ParameterSelector.all, .weights, .named("linear2")] {
            let found = Found()
            let look = TransformProbe(name: "look", parameters: selector) { gradients, context, _ in
                let there = context.gradients(at: gradients.indices.map { gradients.parameter($0) })
                for index in gradients.indices { found.add(gradients.path(index), gradients[index], there[index]) }
            }
            let trainer = PairedRun.trainer(
                [look, L2(0.05), L1(0.01), Dropout(0.3), Diary(), BatchNorm()], shards: shards,
                groups: Self.groupings[index])
            let run = try trainer.start(Problem.rows(48), epochs: 1)
            for _ in 0..<3 { try run.step() }
            let layout = run.variables.parameters
            let wanted = layout.filter { entry in
                let role = entry.role ?? .weight
                // Of several groups that select a parameter, the last counts.
                let group = Self.groupings[index].last { $0.parameters.matches(path: entry.path, role: role) }
                return selector.matches(path: entry.path, role: role) && group?.learningRateScale != 0
            }
            #expect(found.all.map(\.path) == (0..<3).flatMap { _ in wanted.map(\.path) })
            for (path, here, there) in found.all {
                let greatest = zip(here, there).map { abs($0 - $1) }.max() ?? 0
                #expect(greatest < 1e-6, "\(path)")
                #expect(here.contains { $0 != 0 }, "\(path)")
            }
        }
    }

    @Test(arguments: groupings.indices, [1, 3])
    func `the gradients at other values are those of the loss by hand`(index: Int, shards: Int) throws {
        let found = Found()
        let look = TransformProbe(name: "look") { gradients, context, _ in
            let moved = gradients.indices.map { gradients.parameter($0) * 1.5 + 0.01 }
            let there = context.gradients(at: moved)
            for index in gradients.indices { found.add(gradients.path(index), moved[index], there[index]) }
        }
        let data = try Problem.rows(8)
        let trainer = PairedRun.trainer([look, L2(0.05)], shards: shards, groups: Self.groupings[index])
        let run = try trainer.start(data, epochs: 1, seed: 5)
        let names = run.variables.entries.map(\.path)
        var values = run.variables.entries.map(\.value)
        try run.step()
        for (path, moved, _) in found.all {
            guard let position = names.firstIndex(of: path) else { continue }
            values[position] = Tensor(moved, shape: values[position].shape)
        }
        let batch = try #require(Array(data.batches(ofSize: 8, seed: 5, epoch: 0)).first)
        let frozen = Self.groupings[index].filter { $0.learningRateScale == 0 }.map(\.parameters)
        let gradients = valueWithGradients(at: values) { p in
            let first = linear(batch.input, p[0], p[1]).relu()
            let output = linear(linear(first, p[2], p[3]).relu(), p[4], p[5])
            var loss = crossEntropy(output, batch.target)
            for position in [0, 2, 4]
            where !frozen.contains(where: { $0.matches(path: names[position], role: .weight) }) {
                loss = loss + p[position].squared().sum() * 0.025
            }
            return loss
        }.gradients
        #expect(!found.all.isEmpty)
        for (path, _, there) in found.all {
            let expected = gradients[names.firstIndex(of: path) ?? 0].scalars
            let greatest = zip(there, expected).map { abs($0 - $1) }.max() ?? 1
            #expect(greatest < 1e-5, "\(path)")
        }
    }
}
