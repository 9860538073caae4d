public import Tensors

/// max(x, 0).
///
/// - Shape: any; the output has that of the input.
public struct ReLU: Activation {
    /// Creates the activation.
    public init() {}
    /// Computes the output.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor { x.relu() }
}

/// x where positive, `slope * x` elsewhere.
///
/// - Shape: any; the output has that of the input.
public struct LeakyReLU: Activation {
    /// The slope where x is negative.
    public let slope: Float
    /// Creates the activation.
    public init(slope: Float = 0.01) { self.slope = slope }
    /// Computes the output.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor { x.leakyReLU(slope: slope) }
}

/// x where positive, `alpha (exp(x) - 1)` elsewhere (Clevert et al., 2016).
///
/// - Shape: any; the output has that of the input.
public struct ELU: Activation {
    /// The limit for negative x, with its sign changed.
    public let alpha: Float
    /// Creates the activation.
    public init(alpha: Float = 1) { self.alpha = alpha }
    /// Computes the output.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor { x.elu(alpha: alpha) }
}

/// x Φ(x) (Hendrycks & Gimpel, 2016).
///
/// - Shape: any; the output has that of the input.
public struct GELU: Activation {
    /// Whether the approximation by a hyperbolic tangent is used.
    public let isApproximate: Bool
    /// Creates the activation.
    public init(approximate: Bool = false) { isApproximate = approximate }
    /// Computes the output.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor { isApproximate ? x.geluTanh() : x.gelu() }
}

/// x sigmoid(x).
///
/// - Shape: any; the output has that of the input.
public struct SiLU: Activation {
    /// Creates the activation.
    public init() {}
    /// Computes the output.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor { x.silu() }
}

/// The logistic function, 1 / (1 + exp(-x)).
///
/// - Shape: any; the output has that of the input.
public struct Sigmoid: Activation {
    /// Creates the activation.
    public init() {}
    /// Computes the output.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor { x.sigmoid() }
}

/// The hyperbolic tangent.
///
/// - Shape: any; the output has that of the input.
public struct Tanh: Activation {
    /// Creates the activation.
    public init() {}
    /// Computes the output.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor { x.tanh() }
}

/// log(1 + exp(x)).
///
/// - Shape: any; the output has that of the input.
public struct Softplus: Activation {
    /// Creates the activation.
    public init() {}
    /// Computes the output.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor { x.softplus() }
}

/// Probabilities along the last dimension.
///
/// - Shape: `[..., classes]`; the output has that of the input.
public struct Softmax: Layer {
    /// Creates the layer.
    public init() {}
    /// Computes the output.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor { x.softmax() }
}
