public import Tensors

/// A technique that adds a term to the loss.
///
/// ```swift
/// /// Adds λ Σ|w| to the loss (Tibshirani, 1996).
/// struct L1: LossPenalty {
///     var strength: Float
///     init(_ strength: Float) { self.strength = strength }
///
///     func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
///         strength * parameters.sumOfMagnitudes()
///     }
/// }
/// ```
///
/// Penalties of a composition add up. Each is accounted for by its name, apart from the loss of the data.
public protocol LossPenalty: Technique {
    /// The layers whose outputs the penalty uses, as ``PenaltyContext/activations``; none by default.
    var observes: [LayerSelector] { get }

    /// The parameters that the penalty is handed; the weights by default.
    var parameters: ParameterSelector { get }

    /// Returns the term to add: a differentiable scalar.
    ///
    /// - Parameters:
    ///   - parameters: those that ``parameters`` selects.
    ///   - context: what else the penalty may see: the batch, the output, activations, its own state.
    /// - Returns: a scalar, in the unit of the loss.
    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor
}

extension LossPenalty {
    /// No layers.
    public var observes: [LayerSelector] { [] }
    /// The weights.
    public var parameters: ParameterSelector { .weights }
}

/// What a penalty may see.
public struct PenaltyContext: HookContext {
    /// The technique's own place in the run.
    public let scope: Scope
    /// The batch as it entered the model.
    public let batch: Batch
    /// The model's output.
    public let output: Tensor
    let observations: [Observation]
    let index: Int
    let passes: ExtraPasses

    /// The outputs of the layers that ``LossPenalty/observes`` selects, in the order in which they were computed.
    public var activations: [Observation] { observations.filter { $0.observers.contains(index) } }

    /// The number of classes of the model's output; nil if the loss takes values.
    public var classes: Int? { passes.classes }

    /// The loss of the data, for the outputs of further passes.
    public var loss: Loss { passes.loss }

    /// The model's output for an input in another pass of this step, through which gradients flow.
    ///
    /// - Parameters:
    ///   - input: the input, `[batch, ...]`.
    ///   - draw: which random numbers the pass draws, from 0 on; the step's own pass has others than any of these.
    ///   - variables: values to use in place of the run's, such as a teacher's; no gradient flows to them.
    public func output(of input: Tensor, draw: Int = 0, at variables: Variables? = nil) -> Tensor {
        passes.output(of: input, draw: draw, at: variables, for: scope.node.name, scope.pass)
    }

    /// The gradient of the mean loss of the step's batch with respect to its input; no gradient flows through it.
    ///
    /// The pass draws the step's random numbers and leaves running statistics alone.
    public func inputGradient() -> Tensor { passes.inputGradient(of: batch, scope.pass) }
}
