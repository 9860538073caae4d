public import Ballast

/// Draws the outputs of a class to a center that is trained along: λ/2 mean ‖h_i − c_{y_i}‖² (Wen et al., 2016).
///
/// - Shape: the observed layer gives `[batch, width]`; targets are classes, or probabilities that weigh the centers.
/// - Order: penalties add up, so it does not matter.
/// - State: none. It owns a parameter `centers`, `[classes, width]`, which begins at 0, and is trained like the model's.
/// - Differs from: the paper, which moves the centers by a rule of their own.
/// - Source: ECCV 2016, equation 2.
public struct CenterLoss: LossPenalty {
    /// The instance's name.
    public let name: String
    /// λ; not negative.
    public let strength: Float
    /// The layer whose output has centers.
    public let observes: [LayerSelector]
    /// All parameters: the activations depend on them.
    public var parameters: ParameterSelector { .all }

    /// Creates the penalty.
    public init(_ strength: Float = 0.01, of layer: LayerSelector = .model, named name: String = "CenterLoss") {
        require(strength >= 0 && strength.isFinite, "CenterLoss: λ must not be negative but is \(strength)")
        self.name = name
        self.strength = strength
        observes = [layer]
    }

    /// Returns λ / (2 batch) Σ ‖h_i − Σ_k t_ik c_k‖².
    public func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        guard let features = context.activations.first?.value, let classes = context.classes else { return Tensor(0) }
        let centers = context.scope.parameter(
            "centers", [classes, features.shape[1]], initial: .zeros, role: .normalization, unitAxis: 0)
        let own = matmul(context.batch.probabilities(classes: classes), centers)
        return (features - own).sumOfSquares() * (strength / 2 / Float(context.batch.count))
    }
}
