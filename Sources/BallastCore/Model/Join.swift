internal import Tensors

/// How two neighbors of a chain run in less time than one after the other, with the same bits.
///
/// They do so only where nothing acts between them: no technique wraps the place, and no penalty observes it.
enum Join {
    /// The matrix product's last pass over its output takes the positive part as well.
    case linearReLU(Linear)
    /// The layers change places: the largest positive part is the positive part of the largest, and there are fewer.
    case poolBeforeReLU

    init?(_ first: any Layer, _ second: any Layer) {
        switch (first, second) {
        case (let linear as Linear, is ReLU): self = .linearReLU(linear)
        case (is ReLU, is MaxPool2d): self = .poolBeforeReLU
        default: return nil
        }
    }

    /// Whether no technique sees what flows between the next two places of a scope. The first pass always goes one by one.
    func isPossible(_ first: String, _ second: String, in scope: Scope) -> Bool {
        guard !scope.pass.record.isWatching, let (before, after) = scope.node.nextChildren(in: scope.pass),
            before.name == first, after.name == second, before.isBare
        else { return false }
        switch self {
        case .linearReLU: return after.takesInputUnchanged
        case .poolBeforeReLU: return after.isBare
        }
    }

    func run(_ layers: ArraySlice<any Layer>, _ names: ArraySlice<String>, _ x: Tensor, in scope: Scope) -> Tensor {
        let (first, second) = (names.startIndex, names.startIndex + 1)
        switch self {
        case .linearReLU(let linear):
            // What acts after the activation still runs at its place.
            return scope(Done(), scope(LinearReLU(linear: linear), x, named: names[first]), named: names[second])
        case .poolBeforeReLU:
            let (relu, pool) = (layers[first], layers[second])
            return scope(relu, scope(pool, x, named: names[second]), named: names[first])
        }
    }

    private struct LinearReLU: Layer {
        let linear: Linear
        func forward(_ x: Tensor, in scope: Scope) -> Tensor { linear.forward(x, in: scope, relu: true) }
    }

    /// Takes the place of a layer that another one has run.
    private struct Done: Layer {
        func forward(_ x: Tensor, in scope: Scope) -> Tensor { x }
    }
}
