public import Tensors

/// y = x W + b.
///
/// - Shape: input `[..., in]`, output `[..., out]`; weight `[in, out]`, bias `[out]`. `in` is inferred.
public struct Linear: Layer {
    /// The size of the output.
    public let outputs: Int
    /// Whether a bias is added.
    public let hasBias: Bool
    /// How the weight starts; PyTorch's default.
    public let weight: Initializer
    /// How the bias starts; PyTorch's default if nil.
    public let bias: Initializer?

    /// Creates a linear layer.
    ///
    /// - Parameters:
    ///   - outputs: the number of outputs; positive. That of inputs is found in the first pass.
    ///   - hasBias: whether b is added.
    ///   - weight: how W starts.
    ///   - biasInitial: how b starts; nil for PyTorch's default.
    /// - Precondition: `outputs` is positive.
    public init(
        _ outputs: Int, bias hasBias: Bool = true, weight: Initializer = .pytorch, biasInitial: Initializer? = nil
    ) {
        require(outputs > 0, "Linear: the number of outputs must be positive but is \(outputs)")
        self.outputs = outputs
        self.hasBias = hasBias
        self.weight = weight
        self.bias = biasInitial
    }

    /// Computes the output.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor { forward(x, in: scope, relu: false) }

    /// Computes the output, or its positive part, in one operation.
    func forward(_ x: Tensor, in scope: Scope, relu: Bool) -> Tensor {
        guard let inputs = x.shape.last else {
            fail("linear", "needs an input of at least one dimension, not a scalar")
        }
        let weight = scope.parameter("weight", Shape(inputs, outputs), initial: weight, unitAxis: 1)
        guard hasBias else { return linear(x, weight, nil, relu: relu) }
        let bias = scope.parameter("bias", Shape(outputs), initial: bias ?? .pytorchBias(fanIn: inputs))
        return linear(x, weight, bias, relu: relu)
    }
}

/// Maps tokens to vectors: the rows of its weight.
///
/// - Shape: input integers `[...]`, output `[..., width]`; weight `[vocabulary, width]`, normal with deviation 1 at
///   the start (PyTorch's default).
public struct Embedding: Layer {
    /// The number of tokens.
    public let vocabulary: Int
    /// The size of a vector.
    public let width: Int
    /// How the weight starts.
    public let weight: Initializer

    /// Creates an embedding.
    ///
    /// - Parameters:
    ///   - vocabulary: the number of tokens; positive.
    ///   - width: the length of a vector; positive.
    ///   - weight: how the vectors start.
    public init(_ vocabulary: Int, width: Int, weight: Initializer = .normal()) {
        require(vocabulary > 0 && width > 0, "Embedding: sizes must be positive but are \(vocabulary), \(width)")
        self.vocabulary = vocabulary
        self.width = width
        self.weight = weight
    }

    /// Looks the tokens up. Where they are the model's input, data with other tokens is refused.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        scope.requireInput(x, below: vocabulary)
        return embedding(x, scope.parameter("weight", [vocabulary, width], initial: weight, unitAxis: 0))
    }
}

/// Adds a learned vector for each position to a sequence.
///
/// - Shape: input and output `[batch, positions, width]`; weight `[length, width]`, positions <= length.
public struct PositionalEmbedding: Layer {
    /// The greatest number of positions.
    public let length: Int
    /// How the weight starts.
    public let weight: Initializer

    /// Creates a positional embedding.
    ///
    /// - Parameters:
    ///   - length: the greatest number of positions; positive.
    ///   - weight: how the vectors start.
    public init(length: Int, weight: Initializer = .normal(deviation: 0.02)) {
        require(length > 0, "PositionalEmbedding: the length must be positive but is \(length)")
        self.length = length
        self.weight = weight
    }

    /// Adds the vectors.
    public func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        guard x.rank == 3, x.shape[1] <= length else {
            fail("positionalEmbedding", "needs [batch, positions up to \(length), width], not \(x.shape)")
        }
        let weight = scope.parameter("weight", [length, x.shape[2]], initial: weight, unitAxis: 0)
        return x + (x.shape[1] == length ? weight : weight.slice(axis: 0, 0..<x.shape[1]))
    }
}
