public import Tensors

/// When a gradient transform acts.
public enum GradientStage: String, Sendable, Codable, CaseIterable {
    /// On the gradients, before the optimizer sees them: clipping, noise.
    case gradient
    /// On the updates that the optimizer made of them, before they are added to the parameters: decoupled decay.
    case update
    /// On the new values of the parameters, after the updates were added: constraints, averages.
    case applied
}

/// A technique that changes the gradients, the updates, or the parameters after the update.
///
/// Transforms of a stage act in the order in which they are listed.
public protocol GradientTransform: Technique {
    /// When the transform acts; on the gradients by default.
    var stage: GradientStage { get }

    /// The parameters whose gradients the transform is handed; all by default.
    var parameters: ParameterSelector { get }

    /// Returns the gradients to continue with: at ``GradientStage/update`` the updates, at ``GradientStage/applied`` the
    /// new values of the parameters.
    ///
    /// - Parameters:
    ///   - gradients: those of the selected parameters, as the transforms before have left them.
    ///   - context: what else the transform may see: the learning rate, its own state, gradients at other values.
    /// - Returns: a changed copy. Updates are in the unit of the parameters, the learning rate included.
    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients
}

extension GradientTransform {
    /// On the gradients.
    public var stage: GradientStage { .gradient }
    /// All parameters.
    public var parameters: ParameterSelector { .all }
}

/// What a gradient transform may see.
public struct GradientContext: HookContext {
    /// The technique's own place in the run.
    public let scope: Scope
    let gradientsAt: ([Tensor]) -> Gradients

    /// Returns the gradients of this step's objective at other values of the parameters.
    ///
    /// The pass uses the same batch and the same random numbers, and leaves running statistics alone: what
    /// sharpness-aware minimization needs (Foret et al., 2021). A gradient is NaN where the objective is not finite.
    ///
    /// - Parameter values: one for each parameter of the ``Gradients`` that the transform was handed, in their order; the
    ///   other parameters keep theirs.
    public func gradients(at values: [Tensor]) -> Gradients {
        CostMeter.account(CostMeter.model, in: scope.pass) { gradientsAt(values) }
    }
}
