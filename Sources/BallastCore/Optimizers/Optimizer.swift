public import Tensors

/// Turns gradients into updates. Optimizers are plain: regularization is composed beside them.
///
/// One whose update of an element depends on that element alone conforms to ``ElementwiseOptimizer``, and then runs in one
/// pass over the whole model.
///
/// ```swift
/// struct SignDescent: Optimizer {
///     var learningRate: Float = 1e-3
///     func update(_ gradient: Tensor, of parameter: Tensor, slots: inout [Tensor], at step: OptimizerStep) -> Tensor {
///         gradient.sign() * -step.learningRate
///     }
/// }
/// ```
public protocol Optimizer: Sendable {
    /// The learning rate, which a ``Schedule`` multiplies.
    var learningRate: Float { get }

    /// The names of the tensors that are kept for each parameter, of its shape and zero at the start.
    var slots: [String] { get }

    /// Whether it divides gradients by a measure of their size, so that it rescales what a penalty adds to them.
    var isAdaptive: Bool { get }

    /// Returns what is to be added to a parameter.
    ///
    /// - Parameters:
    ///   - gradient: the gradient, of the parameter's shape.
    ///   - parameter: the value before the step.
    ///   - slots: the tensors that are kept for this parameter, in the order of ``slots``; changed in place.
    ///   - step: when it is made, and at which learning rate.
    /// - Returns: the update, of the parameter's shape; the learning rate is in it.
    func update(_ gradient: Tensor, of parameter: Tensor, slots: inout [Tensor], at step: OptimizerStep) -> Tensor
}

extension Optimizer {
    /// No tensors.
    public var slots: [String] { [] }
    /// False, as for SGD.
    public var isAdaptive: Bool { false }
}

/// When an update is made.
public struct OptimizerStep: Sendable {
    /// The learning rate of this step, after the schedule.
    public let learningRate: Float
    /// The number of updates made before this one.
    public let index: Int

    /// Creates a step.
    ///
    /// - Parameters:
    ///   - learningRate: the learning rate, after the schedule.
    ///   - index: the number of updates made before.
    public init(learningRate: Float, index: Int) {
        self.learningRate = learningRate
        self.index = index
    }
}
