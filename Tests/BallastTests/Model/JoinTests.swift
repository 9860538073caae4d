import Ballast
import BallastPlugins
import Testing

/// Neighbours that run as one where nobody looks between them, and one by one where somebody does.
struct JoinTests {
    private func fit(
        _ model: Sequential, _ data: Dataset, @CompositionBuilder _ techniques: () -> [any Technique]
    ) throws -> Run {
        try Trainer(model, loss: .crossEntropy, optimizer: SGD(learningRate: 0.1), batchSize: 8, techniques)
            .fit(data, epochs: 2, seed: 3)
    }

    /// A technique that passes everything on, but stands where it would see what a join leaves out.
    private func onlooker(_ sites: Site..., log: Log = Log()) -> WrapperProbe {
        WrapperProbe(name: "onlooker", sites: sites, log: log) { call, _, log in
            let x = call.next()
            log.add("\(x.shape) from \(x.minimum().item < 0 ? "below" : "0")")
            return x
        }
    }

    @Test(arguments: [Site.after("linear1"), .before("relu1"), .around("relu1"), .around("linear1"), .after("relu1")])
    func `a layer and its rectifier give the same bits joined and apart`(site: Site) throws {
        let data = try Problem.rows()
        let joined = try fit(Problem.perceptron, data) {}
        let apart = try fit(Problem.perceptron, data) { onlooker(site) }
        #expect(differences(apart.variables, joined.variables) == [])
        #expect(apart.history.map(\.trainLoss) == joined.history.map(\.trainLoss))
    }

    @Test(arguments: [Site.after("relu1"), .before("maxPool1"), .around("maxPool1"), .after("maxPool1")])
    func `a rectifier and the pool behind it give the same bits joined and apart`(site: Site) throws {
        let data = try Problem.images()
        let joined = try fit(Problem.convolutional, data) {}
        let apart = try fit(Problem.convolutional, data) { onlooker(site) }
        #expect(differences(apart.variables, joined.variables) == [])
        #expect(apart.history.map(\.trainLoss) == joined.history.map(\.trainLoss))
    }

    /// Runs a chain twice in a pass, on two inputs, at one place or in its own scope.
    private struct Twice: Layer {
        let chain = Sequential {
            Linear(16); ReLU()
        }
        let isInline: Bool
        func forward(_ x: Tensor, in scope: Scope) -> Tensor {
            guard isInline else { return scope(chain, x, named: "tower") + scope(chain, x * 0.5, named: "tower") }
            return chain.forward(x, in: scope) + chain.forward(x * 0.5, in: scope)
        }
    }

    @Test(arguments: [
        (
            Sequential {
                Twice(isInline: false); Linear(3)
            }, "twice1.tower.linear1", Site.around("twice1.tower")
        ),
        (
            Sequential {
                Twice(isInline: true); Linear(3)
            }, "twice1.linear1", Site.around("twice1")
        ),
        (
            Sequential {
                Linear(16);
                Residual {
                    Linear(16); ReLU()
                }; Linear(3)
            }, "residual1.branch.linear1",
            Site.around("residual1")
        ),
        (
            Sequential {
                Sequential {
                    Linear(16); ReLU()
                }; Linear(3)
            }, "sequential1.linear1",
            Site.after("sequential1")
        ),
        (
            Sequential {
                Linear(16).named("first"); ReLU().named("second"); Linear(3).named("third")
            }, "first",
            Site.before("third")
        ),
    ])
    func `wherever the two stand, the bits are the same`(model: Sequential, linear: String, outside: Site) throws {
        let data = try Problem.rows()
        let joined = try fit(model, data) {}
        for site in [Site.after(LayerSelector(stringLiteral: linear)), outside] {
            let log = Log()
            let other = try fit(model, data) { onlooker(site, log: log) }
            #expect(!log.all.isEmpty)
            #expect(differences(other.variables, joined.variables) == [])
        }
    }

    @Test func `a technique between two layers sees what flows there`() throws {
        func seen(_ model: Sequential, _ data: Dataset, _ site: Site) throws -> Set<String> {
            let log = Log()
            _ = try fit(model, data) { onlooker(site, log: log) }
            return Set(log.all.filter { $0.hasPrefix("[8") })
        }
        let (rows, images) = (try Problem.rows(), try Problem.images())
        #expect(try seen(Problem.perceptron, rows, .after("linear1")) == ["[8, 16] from below"])
        #expect(try seen(Problem.perceptron, rows, .after("relu1")) == ["[8, 16] from 0"])
        #expect(try seen(Problem.convolutional, images, .after("relu1")) == ["[8, 4, 8, 8] from 0"])
        #expect(try seen(Problem.convolutional, images, .before("maxPool1")) == ["[8, 4, 8, 8] from 0"])
        #expect(try seen(Problem.convolutional, images, .after("maxPool1")) == ["[8, 4, 4, 4] from 0"])
    }

    @Test func `a penalty sees the outputs that it observes`() throws {
        struct Witness: LossPenalty {
            let name = "witness"
            let observes: [LayerSelector]
            let log: Log
            func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
                for activation in context.activations where activation.value.shape[0] == 8 {
                    let isPositive = activation.value.minimum().item >= 0
                    log.add("\(activation.path) \(activation.value.shape)\(isPositive ? "" : " from below")")
                }
                return Tensor(0)
            }
        }
        let log = Log()
        _ = try fit(Problem.perceptron, Problem.rows()) { Witness(observes: ["linear1", "relu2"], log: log) }
        _ = try fit(Problem.convolutional, Problem.images()) { Witness(observes: ["relu1"], log: log) }
        #expect(Set(log.all) == ["linear1 [8, 16] from below", "relu2 [8, 8]", "relu1 [8, 4, 8, 8]"])
    }
}
