internal import Foundation
package import CKernels
public import Tensors

/// An optimizer whose kernel updates all parameters of a model in one call.
package protocol FusedOptimizer: Optimizer {
    func update(_ segments: UnsafeMutableBufferPointer<ballast_segment>, at step: OptimizerStep)
}

extension FusedOptimizer {
    /// The update of one parameter, by the same kernel as that of a whole model.
    func updateOne(
        _ gradient: Tensor, of parameter: Tensor, slots: inout [Tensor], at step: OptimizerStep
    ) -> Tensor {
        let update = Tensor.zeros(parameter.shape)
        for index in slots.indices { slots[index].makeUnique() }
        var segment = ballast_segment(
            parameter: parameter.storage.floats, gradient: UnsafePointer(gradient.storage.floats),
            update: update.storage.floats, first: slots.first?.storage.floats,
            second: slots.count > 1 ? slots[1].storage.floats : nil, count: parameter.elementCount,
            gradient_scale: 1, weight_decay: 0, l1: 0, decoupled_decay: 0, soft_threshold: 0)
        withExtendedLifetime((gradient, parameter, slots)) {
            withUnsafeMutablePointer(to: &segment) {
                self.update(UnsafeMutableBufferPointer(start: $0, count: 1), at: step)
            }
        }
        return update
    }
}

/// Stochastic gradient descent: w ← w − η g, with momentum as in PyTorch: v ← μ v + g, w ← w − η v, or with Nesterov's
/// momentum w ← w − η (g + μ v) (Sutskever et al., 2013).
public struct SGD: FusedOptimizer {
    /// The learning rate η.
    public let learningRate: Float
    /// The momentum μ, in `0 ..< 1`.
    public let momentum: Float
    /// Whether Nesterov's form is used.
    public let isNesterov: Bool

    /// Creates the optimizer.
    ///
    /// - Parameters:
    ///   - learningRate: η, how far a step goes; finite and not negative.
    ///   - momentum: μ, how much of the step before is kept, in `0 ..< 1`.
    ///   - nesterov: whether the gradient is taken as if the momentum had acted; needs a momentum above 0.
    public init(learningRate: Float, momentum: Float = 0, nesterov: Bool = false) {
        requireLearningRate(learningRate, "SGD")
        require((0..<1).contains(momentum), "SGD: momentum must be in 0..<1 but is \(momentum)")
        require(!nesterov || momentum > 0, "SGD: Nesterov's form needs a momentum above 0")
        self.learningRate = learningRate
        self.momentum = momentum
        isNesterov = nesterov
    }

    /// The momentum, if there is any.
    public var slots: [String] { momentum > 0 ? ["momentum"] : [] }

    package func update(_ segments: UnsafeMutableBufferPointer<ballast_segment>, at step: OptimizerStep) {
        guard let base = segments.baseAddress else { return }
        ballast_sgd(segments.count, base, step.learningRate, momentum, 0, isNesterov, step.index == 0)
    }

    /// Returns what is to be added to a parameter.
    public func update(
        _ gradient: Tensor, of parameter: Tensor, slots: inout [Tensor], at step: OptimizerStep
    ) -> Tensor {
        updateOne(gradient, of: parameter, slots: &slots, at: step)
    }
}

/// Adam (Kingma & Ba, 2015), as in PyTorch: w ← w − η m̂ / (√v̂ + ε) with bias-corrected moments. AdamW is this with
/// the technique `DecoupledDecay`.
public struct Adam: FusedOptimizer {
    /// The learning rate η.
    public let learningRate: Float
    /// The decay of the first moment, in `0 ..< 1`.
    public let beta1: Float
    /// The decay of the second moment, in `0 ..< 1`.
    public let beta2: Float
    /// What is added to the denominator.
    public let epsilon: Float

    /// Creates the optimizer.
    ///
    /// - Parameters:
    ///   - learningRate: η, how far a step goes; finite and not negative.
    ///   - beta1: how much of the mean of the gradients is kept from step to step, in `0 ..< 1`.
    ///   - beta2: how much of the mean of their squares is kept, in `0 ..< 1`.
    ///   - epsilon: ε, what is added to the root of the squares' mean; positive.
    public init(learningRate: Float = 1e-3, beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8) {
        requireLearningRate(learningRate, "Adam")
        require(
            (0..<1).contains(beta1) && (0..<1).contains(beta2),
            "Adam: betas must be in 0..<1 but are \(beta1), \(beta2)")
        require(epsilon > 0 && epsilon.isFinite, "Adam: epsilon must be positive and finite but is \(epsilon)")
        self.learningRate = learningRate
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
    }

    /// True: Adam divides by the root of the second moment.
    public var isAdaptive: Bool { true }

    /// Both moments.
    public var slots: [String] { ["firstMoment", "secondMoment"] }

    package func update(_ segments: UnsafeMutableBufferPointer<ballast_segment>, at step: OptimizerStep) {
        guard let base = segments.baseAddress else { return }
        let time = Double(step.index + 1)
        ballast_adam(
            segments.count, base, step.learningRate, beta1, beta2, epsilon, Float(1 - pow(Double(beta1), time)),
            Float(1 - pow(Double(beta2), time)))
    }

    /// Returns what is to be added to a parameter.
    public func update(
        _ gradient: Tensor, of parameter: Tensor, slots: inout [Tensor], at step: OptimizerStep
    ) -> Tensor {
        updateOne(gradient, of: parameter, slots: &slots, at: step)
    }
}

/// RMSProp (Tieleman & Hinton, 2012), as in PyTorch: v ← α v + (1 − α) g², w ← w − η g / (√v + ε), with an optional
/// momentum buffer.
public struct RMSProp: FusedOptimizer {
    /// The learning rate η.
    public let learningRate: Float
    /// The decay α of the mean square, in `0 ..< 1`.
    public let alpha: Float
    /// What is added to the denominator.
    public let epsilon: Float
    /// The momentum, in `0 ..< 1`.
    public let momentum: Float

    /// Creates the optimizer.
    ///
    /// - Parameters:
    ///   - learningRate: η, how far a step goes; finite and not negative.
    ///   - alpha: how much of the mean of squared gradients is kept from step to step, in `0 ..< 1`.
    ///   - epsilon: ε, what is added to the root of that mean; positive.
    ///   - momentum: how much of the step before is kept, in `0 ..< 1`.
    public init(learningRate: Float = 1e-2, alpha: Float = 0.99, epsilon: Float = 1e-8, momentum: Float = 0) {
        requireLearningRate(learningRate, "RMSProp")
        require((0..<1).contains(alpha), "RMSProp: alpha must be in 0..<1 but is \(alpha)")
        require((0..<1).contains(momentum), "RMSProp: momentum must be in 0..<1 but is \(momentum)")
        require(epsilon > 0 && epsilon.isFinite, "RMSProp: epsilon must be positive and finite but is \(epsilon)")
        self.learningRate = learningRate
        self.alpha = alpha
        self.epsilon = epsilon
        self.momentum = momentum
    }

    /// True: RMSProp divides by the root of the mean square.
    public var isAdaptive: Bool { true }

    /// The momentum buffer and the mean square.
    public var slots: [String] { ["momentum", "meanSquare"] }

    package func update(_ segments: UnsafeMutableBufferPointer<ballast_segment>, at step: OptimizerStep) {
        guard let base = segments.baseAddress else { return }
        ballast_rmsprop(segments.count, base, step.learningRate, alpha, epsilon, momentum)
    }

    /// Returns what is to be added to a parameter.
    public func update(
        _ gradient: Tensor, of parameter: Tensor, slots: inout [Tensor], at step: OptimizerStep
    ) -> Tensor {
        updateOne(gradient, of: parameter, slots: &slots, at: step)
    }
}

private func requireLearningRate(_ rate: Float, _ optimizer: String) {
    require(
        rate >= 0 && rate.isFinite, "\(optimizer): the learning rate must be finite and not negative but is \(rate)")
}
