/// Parameters that are trained at another learning rate than the optimizer's, or not at all.
///
/// ```swift
/// Trainer(model, loss: .crossEntropy, optimizer: Adam(), groups: [.frozen(.named("encoder.*"))])
/// ```
public struct ParameterGroup: Sendable, Hashable, CustomStringConvertible {
    /// The parameters.
    public let parameters: ParameterSelector
    /// What their learning rate is times the optimizer's; 0 if they are frozen.
    public let learningRateScale: Float

    /// Creates a group.
    ///
    /// - Parameters:
    ///   - parameters: the parameters.
    ///   - learningRateScale: what their learning rate is times the optimizer's; finite and positive. Techniques that
    ///     depend on the learning rate, such as decoupled decay, follow it.
    public init(_ parameters: ParameterSelector, learningRateScale: Float) {
        require(
            learningRateScale > 0 && learningRateScale.isFinite,
            "ParameterGroup: the scale of the learning rate must be positive and finite but is \(learningRateScale)")
        self.init(parameters, scale: learningRateScale)
    }

    private init(_ parameters: ParameterSelector, scale: Float) {
        self.parameters = parameters
        learningRateScale = scale
    }

    /// As it is written in code.
    public var description: String {
        learningRateScale == 0
            ? ".frozen(\(parameters))" : "ParameterGroup(\(parameters), learningRateScale: \(learningRateScale))"
    }

    /// Parameters that keep their values: no gradient is computed for them, and no technique acts on them.
    ///
    /// - Parameter parameters: the parameters.
    public static func frozen(_ parameters: ParameterSelector) -> ParameterGroup {
        ParameterGroup(parameters, scale: 0)
    }
}
