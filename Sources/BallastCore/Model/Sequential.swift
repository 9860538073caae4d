public import Tensors

/// Layers that run one after the other.
///
/// ```swift
/// let model = Sequential {
///     Flatten()
///     Linear(256); ReLU()
///     Linear(10)
/// }
/// ```
///
/// Layers are named by their kind and a number in the order of their kind: `linear1`, `relu1`, `linear2`.
/// ``Layer/named(_:)`` gives another name.
///
/// - Shape: what the first layer takes, and what the last gives.
public struct Sequential: Layer {
    let layers: [any Layer]
    let names: [String]
    /// How each layer can run together with the next one.
    private let joins: [Join?]

    /// Creates a chain of layers.
    public init(@LayerBuilder _ layers: () -> [any Layer]) { self.init(layers()) }

    /// Creates a chain of layers.
    public init(_ layers: [any Layer]) {
        var counts: [String: Int] = [:]
        self.names = layers.map { layer in
            if let named = layer as? NamedLayer { return named.name }
            counts[layer.kind, default: 0] += 1
            return "\(layer.kind)\(counts[layer.kind, default: 0])"
        }
        let layers = layers.map { ($0 as? NamedLayer)?.base ?? $0 }
        self.layers = layers
        joins = layers.indices.map { $0 + 1 < layers.count ? Join(layers[$0], layers[$0 + 1]) : nil }
        let repeated = Dictionary(grouping: names, by: { $0 }).filter { $0.value.count > 1 }.keys.sorted()
        require(repeated.isEmpty, "Sequential: these names occur more than once: \(repeated.joined(separator: ", "))")
    }

    /// Runs the layers on an input.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        var x = x
        var index = 0
        while index < layers.count {
            if let join = joins[index], join.isPossible(names[index], names[index + 1], in: scope) {
                x = join.run(layers[index...index + 1], names[index...index + 1], x, in: scope)
                index += 2
            } else {
                let layer = layers[index]
                x = scope(layer, x, named: names[index])
                index += 1
            }
        }
        return x
    }
}

/// Collects the layers of a ``Sequential``.
@resultBuilder
public enum LayerBuilder {
    /// One layer.
    public static func buildExpression(_ layer: any Layer) -> [any Layer] { [layer] }
    /// Several layers.
    public static func buildExpression(_ layers: [any Layer]) -> [any Layer] { layers }
    /// All layers of a block.
    public static func buildBlock(_ parts: [any Layer]...) -> [any Layer] { parts.flatMap { $0 } }
    /// Layers that are there on a condition.
    public static func buildOptional(_ part: [any Layer]?) -> [any Layer] { part ?? [] }
    /// Layers of the first branch.
    public static func buildEither(first part: [any Layer]) -> [any Layer] { part }
    /// Layers of the second branch.
    public static func buildEither(second part: [any Layer]) -> [any Layer] { part }
    /// Layers of a loop.
    public static func buildArray(_ parts: [[any Layer]]) -> [any Layer] { parts.flatMap { $0 } }
}

/// A layer with a name of its own.
struct NamedLayer: Layer {
    let name: String
    let base: any Layer

    var kind: String { base.kind }

    func forward(_ x: Tensor, in scope: Scope) -> Tensor { scope(base, x, named: name) }
}

extension Layer {
    /// Gives the layer a name, by which paths and selectors know it.
    ///
    /// - Precondition: not empty, and without the characters `.`, `/` and `*`, which paths use.
    public func named(_ name: String) -> some Layer {
        require(
            !name.isEmpty && !name.contains { "./*".contains($0) },
            "named: a layer's name must not be empty or contain '.', '/' or '*', but is \"\(name)\"")
        return NamedLayer(name: name, base: self)
    }
}
