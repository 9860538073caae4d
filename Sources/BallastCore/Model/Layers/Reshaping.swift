public import Tensors

/// Joins all dimensions from one on.
///
/// - Shape: input `[batch, ...]`, output `[batch, features]`.
public struct Flatten: Layer {
    /// The first dimension that is joined; 1 by default, so that the batch stays.
    public let from: Int

    /// Creates a flattening layer.
    public init(from: Int = 1) { self.from = from }

    /// Computes the output; the memory is shared.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor { x.flattened(from: from) }
}

/// Gives each sample another shape.
///
/// - Shape: `[batch, ...]`; the output is `[batch]` and the shape given, of as many elements.
public struct Reshape: Layer {
    /// The shape of a sample, without the batch.
    public let sample: Shape

    /// Creates a layer that makes `[batch] + sample` of its input.
    public init(_ sample: Shape) { self.sample = sample }

    /// Computes the output; the memory is shared.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        x.reshaped(to: Shape([x.shape.first ?? 1] + sample.dimensions))
    }
}
