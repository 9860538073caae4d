public import Tensors

/// What a model is trained to make small: a scalar from its output and the targets, the mean over a batch.
public struct Loss: Sendable {
    /// What the targets must be.
    public enum Target: Sendable {
        /// Class labels (Int32), or probabilities of classes.
        case classes
        /// Numbers of the output's shape.
        case values
    }

    /// Its name, for reports.
    public let name: String
    /// What the targets must be.
    public let target: Target
    /// The range of target values that the loss is defined for; nil for any.
    public let targetRange: ClosedRange<Float>?
    let compute: @Sendable (Tensor, Tensor) -> Tensor

    /// Creates your own loss.
    ///
    /// - Parameters:
    ///   - name: its name, for reports.
    ///   - target: what the targets must be.
    ///   - targetRange: the range of target values that the loss is defined for; nil for any.
    ///   - compute: returns a differentiable scalar, the mean over the batch.
    public init(
        _ name: String, target: Target, targetRange: ClosedRange<Float>? = nil,
        _ compute: @escaping @Sendable (_ output: Tensor, _ target: Tensor) -> Tensor
    ) {
        self.name = name
        self.target = target
        self.targetRange = targetRange
        self.compute = compute
    }

    /// The loss of an output.
    public func callAsFunction(_ output: Tensor, _ target: Tensor) -> Tensor { compute(output, target) }

    /// −log softmax(output) at the label, or against target probabilities; the output is logits `[batch, ..., classes]`.
    public static let crossEntropy = Loss("cross-entropy", target: .classes) { Tensors.crossEntropy($0, $1) }

    /// (ŷ − y)², times a scale; 0.5 gives half the square.
    public static func meanSquaredError(scale: Float) -> Loss {
        Loss("mean squared error", target: .values) { Tensors.meanSquaredError($0, $1, scale: scale) }
    }

    /// (ŷ − y)².
    public static let meanSquaredError = meanSquaredError(scale: 1)

    /// |ŷ − y|.
    public static let meanAbsoluteError = Loss("mean absolute error", target: .values) {
        Tensors.meanAbsoluteError($0, $1)
    }

    /// Half the square within ±δ, linear beyond (Huber, 1964).
    public static func huber(delta: Float = 1) -> Loss {
        require(delta > 0, "huber: delta must be positive but is \(delta)")
        return Loss("Huber", target: .values) { Tensors.huber($0, $1, delta: delta) }
    }

    /// −y log σ(z) − (1 − y) log(1 − σ(z)) for logits z and targets y in 0...1.
    public static let binaryCrossEntropy = Loss("binary cross-entropy", target: .values, targetRange: 0...1) {
        Tensors.binaryCrossEntropy($0, $1)
    }
}
