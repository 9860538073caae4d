public import Tensors

/// Adds what its layers compute to their input: x + f(x) (He et al., 2016).
///
/// What its layers compute is a place of its own, `branch`: the first linear layer is `residual1.branch.linear1`.
///
/// - Shape: any that its layers keep; the output has that of the input.
public struct Residual: Layer {
    let body: Sequential

    /// Creates a residual connection around layers whose output has the shape of their input.
    public init(@LayerBuilder _ layers: () -> [any Layer]) { body = Sequential(layers()) }

    /// Computes the output.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        let y = scope(body, x, named: "branch")
        guard y.shape == x.shape else {
            fail("residual", "the layers turn the shape \(x.shape) into \(y.shape); both must be equal")
        }
        return x + y
    }
}

/// Layers in which attention ignores the positions of padding tokens.
///
/// ```swift
/// PaddingMask(token: 0) {
///     Embedding(1000, width: 32)
///     Residual { MultiHeadAttention(heads: 4) }
/// }
/// ```
///
/// - Shape: input tokens `[batch, positions]`; the output is that of its layers.
public struct PaddingMask: Layer {
    /// The token at positions that no other may attend to.
    public let token: Int32
    private let body: Sequential

    /// Creates layers that share a mask.
    ///
    /// - Parameters:
    ///   - token: the token at positions that no other may attend to.
    ///   - layers: the layers, of which the first takes tokens.
    public init(token: Int32, @LayerBuilder _ layers: () -> [any Layer]) {
        self.token = token
        body = Sequential(layers())
    }

    /// Runs the layers with the mask.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        guard x.rank == 2, x.scalarType == .int32 else {
            fail("paddingMask", "needs tokens [batch, positions], not \(x.shape)")
        }
        let mask = Tensor(x.integers.map { $0 == token ? 0 : 1 }, shape: x.shape)
        return body.forward(x, in: Scope(scope.node, Pass(scope.pass, attentionMask: mask)))
    }
}

/// Scaled dot-product self-attention with several heads (Vaswani et al., 2017).
///
/// - Shape: input and output `[batch, positions, width]`; `inputWeight` `[width, 3 width]` holds query, key and value,
///   `outputWeight` `[width, width]`.
///
/// Both start like the weights of a ``Linear`` layer, with random biases; `nn.MultiheadAttention` starts with Xavier's
/// weights and biases of zero.
public struct MultiHeadAttention: Layer {
    /// The number of heads; it divides the width.
    public let heads: Int
    /// Whether a position sees only itself and those before it.
    public let isCausal: Bool

    /// Its kind, `attention`.
    public var kind: String { "attention" }

    /// Creates an attention layer.
    ///
    /// - Parameters:
    ///   - heads: the number of heads; positive, and it divides the width.
    ///   - causal: whether a position sees only itself and those before it.
    public init(heads: Int, causal: Bool = false) {
        require(heads > 0, "MultiHeadAttention: the number of heads must be positive but is \(heads)")
        self.heads = heads
        isCausal = causal
    }

    /// Computes the output.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        forward(x, mask: scope.pass.attentionMask, in: scope)
    }

    /// Computes the output where some positions may not be attended to, such as padding.
    ///
    /// - Parameter mask: `[batch, positions]`, 0 at positions that no other may attend to; nil if there are none. A
    ///   sample without any position to attend to gets the output's bias.
    package func forward(_ x: Tensor, mask: Tensor?, in scope: Scope) -> Tensor {
        guard x.rank == 3, x.shape[2] % heads == 0 else {
            fail("attention", "needs [batch, positions, width] with a width that \(heads) heads divide, not \(x.shape)")
        }
        let (batch, positions, width) = (x.shape[0], x.shape[1], x.shape[2])
        let depth = width / heads
        let projected = linear(
            x, scope.parameter("inputWeight", [width, 3 * width], initial: .pytorch, unitAxis: 1),
            scope.parameter("inputBias", [3 * width], initial: .pytorchBias(fanIn: width), role: .bias))
        // [batch, positions, 3, heads, depth] -> [3, batch, heads, positions, depth]
        let parts = projected.reshaped(to: [batch, positions, 3, heads, depth]).permuted([2, 0, 3, 1, 4])
        let (query, key, value) = (parts[0], parts[1], parts[2])
        let scores = matmul(query, key, transposeB: true) * (1 / Float(depth).squareRoot())
        let mixed = matmul(scores.softmax(causal: isCausal, mask: mask), value)
        let joined = mixed.permuted([0, 2, 1, 3]).reshaped(to: [batch, positions, width])
        return linear(
            joined, scope.parameter("outputWeight", [width, width], initial: .pytorch, unitAxis: 1),
            scope.parameter("outputBias", [width], initial: .pytorchBias(fanIn: width), role: .bias))
    }
}
