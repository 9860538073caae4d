// snippet.whole
public import Ballast

/// Makes the units of each layer orthogonal: adds λ Σ ‖WᵀW − I‖² over the weight matrices W to the loss (Bansal et al., 2018).
///
/// A weight of more than two dimensions is flattened to a matrix of its first dimension and all the others. The smaller of
/// WᵀW and WWᵀ is used: more vectors than dimensions cannot be orthogonal.
///
/// - Order: penalties add up, so the order does not matter.
/// - State: none. Complexity: O(m n min(m, n)) for a weight of m x n, whatever the batch.
public struct SoftOrthogonality: LossPenalty {
    /// The instance's name.
    public let name: String
    /// λ; not negative.
    public let strength: Float
    /// The weights it acts on.
    public let parameters: ParameterSelector

    // snippet.creating
    /// Creates the penalty.
    ///
    /// - Parameters:
    ///   - strength: λ; not negative and finite.
    ///   - selector: the weights it acts on, of two dimensions or more.
    ///   - name: the instance's name; two in one composition need different ones.
    public init(
        _ strength: Float, on selector: ParameterSelector = .weights,
        named name: String = "SoftOrthogonality"
    ) {
        require(
            strength >= 0 && strength.isFinite,
            "SoftOrthogonality: the strength must be in 0..<infinity but is \(strength)")
        self.strength = strength
        self.parameters = selector
        self.name = name
    }
    // snippet.end

    // snippet.diagnostics
    /// A strength of 0 has no effect.
    public var traits: Set<TechniqueTrait> { strength > 0 ? [] : [.noEffect] }

    /// Finds parameters that are not matrices.
    public func diagnostics(in context: CompositionContext) -> [Diagnostic] {
        let vectors = context.parameters(of: self).filter { $0.shape.rank < 2 }.map(\.path)
        guard !vectors.isEmpty else { return [] }
        return [
            Diagnostic(
                .error, "not-a-matrix", technique: name,
                message:
                    "selects vectors, which have no units to make orthogonal: \(vectors.joined(separator: ", "))",
                suggestion:
                    "select weights of two dimensions or more; .weights, the default, leaves biases out"
            )
        ]
    }
    // snippet.end

    // snippet.penalty
    /// Returns λ Σ ‖G − I‖², where G is the smaller Gram matrix of each weight.
    public func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        var sum = Tensor(Float(0))
        for parameter in parameters {
            let matrix = parameter.value.flattened(from: 1)
            let (rows, columns) = (matrix.shape[0], matrix.shape[1])
            let isTall = rows >= columns
            let gram = matmul(matrix, matrix, transposeA: isTall, transposeB: !isTall)
            // ‖G − I‖² = ‖G‖² − 2 tr G + n, and the trace of a Gram matrix is ‖W‖².
            sum += gram.sumOfSquares() - 2 * matrix.sumOfSquares() + Float(min(rows, columns))
        }
        return strength * sum
    }
    // snippet.end
}
// snippet.end

/// The first version of the article.
enum FirstPenalty {
    // snippet.first
    struct SoftOrthogonality: LossPenalty {
        var strength: Float
        init(_ strength: Float) { self.strength = strength }

        func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
            var sum = Tensor(Float(0))
            for parameter in parameters.weights {
                let matrix = parameter.value
                let gram = matmul(matrix, matrix, transposeA: true)
                sum += gram.sumOfSquares() - 2 * matrix.sumOfSquares() + Float(matrix.shape[1])
            }
            return strength * sum
        }
    }
    // snippet.end
}
