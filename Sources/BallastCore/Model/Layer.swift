public import Tensors

/// A part of a model: an immutable description of a computation with parameters.
///
/// A layer holds hyper-parameters only. What changes while training lives in the run, and the layer asks its
/// ``Scope`` for it: the first pass creates, later passes find. Sizes that depend on the input are therefore known
/// when they are needed, and one layer value serves any number of runs.
///
/// ```swift
/// struct Scale: Layer {
///     func forward(_ x: Tensor, in scope: Scope) -> Tensor {
///         x * scope.parameter("factor", [x.shape[1]], initial: .ones)
///     }
/// }
/// ```
public protocol Layer: Sendable {
    /// What kind of layer this is, such as `"linear"`: selectors match it, and default names begin with it.
    ///
    /// The default is the type's name with its leading capitals in lower case.
    var kind: String { get }

    /// Computes the output for an input.
    ///
    /// - Parameters:
    ///   - x: the input, `[batch, ...]`.
    ///   - scope: where the layer finds its parameters, state, random numbers and sub-layers.
    /// - Returns: the output, `[batch, ...]`, through which gradients flow.
    func forward(_ x: Tensor, in scope: Scope) -> Tensor
}

extension Layer {
    /// The type's name with its leading capitals in lower case: `Linear` is `linear`, `ReLU` is `relu`.
    public var kind: String { Self.kindFromTypeName }

    static var kindFromTypeName: String {
        let name = String(describing: Self.self).prefix { $0 != "<" }
        if name.allSatisfy({ $0.isUppercase || !$0.isLetter }) || name == "ReLU" { return name.lowercased() }
        let head = name.prefix { $0.isUppercase }
        let lowered = head.count > 1 ? head.dropLast() : head
        return lowered.lowercased() + name.dropFirst(lowered.count)
    }
}

/// A layer that is an activation function: elementwise, without parameters. Selected by `.activations`.
public protocol Activation: Layer {}
