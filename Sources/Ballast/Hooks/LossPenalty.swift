public import Tensors

/// A technique that adds a term to the loss.
///
/// ```swift
/// /// Adds λ Σ|w| to the loss (Tibshirani, 1996).
/// struct L1: LossPenalty {
///     var strength: Float
///     init(_ strength: Float) { self.strength = strength }
///
///     func lossPenalty(_ parameters: Parameters, in context: StepContext) -> Tensor {
///         strength * parameters.weights.sumOfMagnitudes()
///     }
/// }
/// ```
///
/// Penalties of a composition add up. Each is accounted for by its name, apart from the data's loss.
public protocol LossPenalty: Technique {
    /// The layers whose outputs the penalty wants to see, as ``StepContext/activations``; none by default.
    var observes: [LayerSelector] { get }

    /// The parameters that the penalty acts on, for plans and checks; it selects them itself when it is called.
    var penalizes: ParameterSelector { get }

    /// Returns the term to add: a differentiable scalar.
    ///
    /// - Parameters:
    ///   - parameters: all parameters of the run; select among them by ``penalizes``.
    ///   - context: what else the penalty may see: the batch, the output, activations, its own state.
    /// - Returns: a scalar, in the unit of the loss.
    func lossPenalty(_ parameters: Parameters, in context: StepContext) -> Tensor
}

extension LossPenalty {
    /// No layers.
    public var observes: [LayerSelector] { [] }
    /// The weights.
    public var penalizes: ParameterSelector { .weights }
}

/// What a penalty may see.
public struct StepContext: HookContext {
    /// The technique's own place in the run.
    public let scope: Scope
    /// The batch as it entered the model.
    public let batch: Batch
    /// The model's output.
    public let output: Tensor
    /// The outputs of the layers that ``LossPenalty/observes`` selects, in the order in which they were computed.
    public var activations: [Observation] {
        scope.frame.execution.observations.filter { $0.observers.contains(observer) }
    }
    let observer: Int
}
