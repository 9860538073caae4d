import Ballast
import Testing

/// Callbacks of every kind in every order: what the run is left with is what the documented rules say.
struct CallbackPairs {
    enum Kind: CaseIterable {
        case doubles, adds, ownFinal, validatedFinal, average
    }

    private static func map(_ variables: Variables, _ body: (Float) -> Float) -> Variables {
        variables.mapParameters { Tensor($0.value.scalars.map(body), shape: $0.value.shape) }
    }

    private static func callback(_ kind: Kind) -> CallbackProbe {
        switch kind {
        case .doubles: CallbackProbe(name: "doubles") { .replace(map($1.variables) { $0 * 2 }).with($0) }
        case .adds: CallbackProbe(name: "adds") { .replace(map($1.variables) { $0 + 3 }).with($0) }
        case .ownFinal:
            CallbackProbe(name: "ownFinal") { EpochDecision(finalVariables: map($1.variables) { $0 * 16 }).with($0) }
        case .validatedFinal:
            CallbackProbe(name: "validatedFinal") { EpochDecision(finalVariables: $1.validatedVariables).with($0) }
        case .average: CallbackProbe(name: "average", validating: { map($0.variables) { $0 + 0.5 } })
        }
    }

    /// What the rules say: callbacks act from top to bottom on what those before left, the last offer counts, and
    /// without an offer the run ends with what was validated.
    private func expected(_ kinds: [Kind], epochs: Int) -> (left: Float, validated: [Float]) {
        var value: Float = 1
        var offers: [Kind: Float] = [:]
        var validated: [Float] = []
        for _ in 0..<epochs {
            let measured = kinds.contains(.average) ? value + 0.5 : value
            validated.append(measured)
            for kind in kinds {
                switch kind {
                case .doubles: value *= 2
                case .adds: value += 3
                case .ownFinal: offers[kind] = value * 16
                case .validatedFinal: offers[kind] = measured
                case .average: break
                }
            }
        }
        let offer = kinds.last { offers[$0] != nil }.flatMap { offers[$0] }
        let last = kinds.contains(.average) ? validated.last : nil
        return (offer ?? last ?? value, validated)
    }

    @Test(arguments: permutationsOfParts(Kind.allCases))
    func `in every order the run is left with what the rules say`(kinds: [Kind]) throws {
        let (data, log) = (try Problem.rows(), Log())
        let metric = Metric("parameter", isHigherBetter: false, accumulatorCount: 1) { output, _, sums in
            sums[0] = Double(output.scalars[0])
        } result: { sums in
            log.add("\(sums[0])")
            return sums[0]
        }
        let run = try Trainer(
            Bias(), loss: .crossEntropy, optimizer: SGD(learningRate: 0), metrics: [metric], batchSize: 60,
            composition: Composition(kinds.map(Self.callback))
        ).fit(data, validation: data, epochs: 3, until: 2)
        let (left, validated) = expected(kinds, epochs: 2)
        #expect(run.variables["value"]?.scalars == [left, left, left])
        #expect(log.all == validated.map { "\(Double($0))" })
        #expect(run.history.map { Float($0.learningRate) } == [0, 0])
    }

    @Test(arguments: permutations(["stop", "halve", "other", "average"]))
    func `the first reason to stop counts, and factors multiply, wherever they are listed`(names: [String]) throws {
        let techniques = names.map { name -> any Technique in
            switch name {
            case "halve": CallbackProbe(name: name) { _, _ in .scaleLearningRate(by: 0.5) }
            case "average": MovingAverage(name: name)
            default:
                CallbackProbe(name: name) { epoch, _ in
                    EpochDecision(stopReason: epoch.epoch == 2 ? "enough" : nil, learningRateFactor: 0.25)
                }
            }
        }
        let run = try PairedRun.fit(
            PairedRun.trainer(techniques, optimizer: SGD(learningRate: 0.5), schedule: .constant))
        let first = try #require(names.first { $0 == "stop" || $0 == "other" })
        #expect(run.end == .stopped(by: first, reason: "enough"))
        #expect(run.history.map(\.learningRate) == [0.5, 0.5 / 32, 0.5 / 1024])
    }

    /// A model that gives the same numbers for every input.
    private struct Bias: Layer {
        func forward(_ x: Tensor, in scope: Scope) -> Tensor {
            x.slice(axis: 1, 0..<3) * 0 + scope.parameter("value", [3], initial: .ones)
        }
    }
}

extension EpochDecision {
    /// The decision; the record is not needed for it.
    fileprivate func with(_ record: EpochRecord) -> EpochDecision { self }
}

/// All orders of some elements.
func permutations<T>(_ elements: [T]) -> [[T]] {
    guard elements.count > 1 else { return [elements] }
    return elements.indices.flatMap { index in
        var rest = elements
        let first = rest.remove(at: index)
        return permutations(rest).map { [first] + $0 }
    }
}

/// All orders of all elements, and of all parts that lack one or two of them.
func permutationsOfParts<T>(_ elements: [T]) -> [[T]] {
    let without = elements.indices.map { index in elements.indices.filter { $0 != index }.map { elements[$0] } }
    let pairs = elements.indices.flatMap { a in
        elements.indices.filter { $0 > a }.map { b in
            elements.indices.filter { $0 != a && $0 != b }.map { elements[$0] }
        }
    }
    return ([elements] + without + pairs).flatMap { permutations($0) }
}
