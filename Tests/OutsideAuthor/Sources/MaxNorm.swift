public import Ballast

/// Keeps the norm of each unit's weights within a bound: w_u ← w_u min(1, c / ‖w_u‖) after every update (Srivastava et
/// al., 2014).
///
/// A unit is an output of a linear layer, a channel of a convolution, a token of an embedding: the axis is the layer's.
/// Units within the bound keep their bits.
///
/// - Order: after the update; averages of parameters are listed after it.
/// - State: none.
/// - Source: JMLR 15 (2014), section 5.1.
public struct MaxNorm: GradientTransform {
    /// The instance's name.
    public let name: String
    /// c, the greatest norm of a unit; positive.
    public let bound: Float
    /// The parameters that are bounded; those without units are left alone.
    public let parameters: ParameterSelector

    /// Acts on the new values.
    public var stage: GradientStage { .applied }

    /// Creates the constraint.
    public init(_ bound: Float = 3, on selector: ParameterSelector = .weights, named name: String = "MaxNorm") {
        require(bound > 0, "MaxNorm: the bound must be positive but is \(bound)")
        self.name = name
        self.bound = bound
        parameters = selector
    }

    /// Returns the parameters with long units shortened.
    public func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        var parameters = gradients
        for index in parameters.indices {
            guard let axis = parameters.unitAxis(index) else { continue }
            let norms = parameters[index].unitNorms(axis: axis)
            guard norms.maximum().item > bound else { continue }
            parameters[index] = parameters[index] * minimum(bound / norms, 1)
        }
        return parameters
    }
}
