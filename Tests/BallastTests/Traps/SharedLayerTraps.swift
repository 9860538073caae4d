import Ballast
import BallastPlugins
import Synchronization
import Testing

/// A layer that is used twice in a pass.
struct SharedLayerTraps {
    private final class Seen: Sendable {
        private let stored = Mutex<[[Float]]>([])
        var all: [[Float]] { stored.withLock { $0 } }
        func add(_ x: Tensor) { stored.withLock { $0.append(x.scalars) } }
    }

    /// One tower for one or two inputs, as siamese, tied and recurrent models have it.
    private struct Towers: Layer {
        let uses: Int
        let seen: Seen

        func forward(_ x: Tensor, in scope: Scope) -> Tensor {
            let tower = Sequential {
                Linear(16, weight: .constant(0.01), biasInitial: .ones); ReLU()
            }
            var sum = Tensor(0)
            for _ in 0..<uses {
                let y = scope(tower, x, named: "tower")
                if scope.isTraining { seen.add(y) }
                sum = sum + y
            }
            return scope(Linear(3), sum)
        }
    }

    private func outputs(uses: Int, _ techniques: [any Technique]) throws -> [[Float]] {
        let seen = Seen()
        let run = try Trainer(
            Towers(uses: uses, seen: seen), loss: .crossEntropy, optimizer: SGD(learningRate: 0), batchSize: 53,
            composition: Composition(techniques)
        ).start(Problem.rows(), epochs: 1, seed: 1)
        try run.step()
        return seen.all
    }

    @Test(arguments: [Site.after("tower.relu1"), .before("tower.linear1"), .around("tower.linear1"), .after("tower")])
    func `noise at a shared layer is fresh at each use, and the first use keeps its bits`(site: Site) throws {
        let one = try outputs(uses: 1, [Dropout(0.5, at: site)])
        let three = try outputs(uses: 3, [Dropout(0.5, at: site)])
        #expect(three.count == 3 && three[0] == one[0])
        #expect(three[0] != three[1] && three[1] != three[2] && three[0] != three[2])
        #expect(three == (try outputs(uses: 3, [Dropout(0.5, at: site)])), "the same in each run")
    }

    @Test func `masks of the uses are independent`() throws {
        let three = try outputs(uses: 2, [Dropout(0.5, at: .after("tower.relu1"))])
        let both = zip(three[0], three[1]).count { $0 == 0 && $1 == 0 }
        let count = Double(three[0].count)
        // A quarter is zero in both if they are independent, a half if they are equal.
        #expect(abs(Double(both) / count - 0.25) < 5 * (0.1875 / count).squareRoot())
    }

    @Test func `a layer that a wrapper runs twice draws twice`() throws {
        let twice = WrapperProbe(name: "twice", sites: [.around("tower")]) { call, context, _ in
            let first = call.next()
            guard context.isTraining else { return first }
            let second = call.next()
            return concatenated([first.slice(axis: 1, 0..<8), second.slice(axis: 1, 0..<8)], axis: 1)
        }
        let halves = try outputs(uses: 1, [Dropout(0.5, at: .after("tower.relu1")), twice])[0]
        let plain = try outputs(uses: 1, [Dropout(0.5, at: .after("tower.relu1"))])[0]
        let rows = (0..<53).map { row in (halves[row * 16..<row * 16 + 8], halves[row * 16 + 8..<row * 16 + 16]) }
        #expect(rows.contains { Array($0.0) != Array($0.1) })
        for row in 0..<53 { #expect(Array(rows[row].0) == Array(plain[row * 16..<row * 16 + 8])) }
    }

    /// A custom layer whose parts have names of their own.
    private struct Headed: Layer {
        let names: [String]
        func forward(_ x: Tensor, in scope: Scope) -> Tensor {
            names.reduce(x) { scope(Linear(3).named($1), $0) }
        }
    }

    @Test func `a named layer in a custom layer has that name, and an equal name is the same layer`() throws {
        func paths(_ names: [String]) throws -> [String] {
            try Trainer(
                Sequential {
                    Linear(3); Headed(names: names)
                }, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1)
            ).start(Problem.rows(), epochs: 1).variables.entries.map(\.path).filter { $0.hasSuffix("weight") }
        }
        #expect(try paths(["head", "tail"]) == ["linear1.weight", "headed1.head.weight", "headed1.tail.weight"])
        #expect(try paths(["head", "head"]) == ["linear1.weight", "headed1.head.weight"])
    }
}
