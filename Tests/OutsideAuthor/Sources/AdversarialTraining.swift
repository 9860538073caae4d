public import Ballast

/// Trains on inputs that were moved to where the loss is greater: x' = x + ε sign ∇ₓℓ (Goodfellow et al., 2015).
///
/// - Shape: inputs of any shape, of floats; targets stay.
/// - Order: the gradient is that of the batch as earlier techniques left it. Cost: a pass forward and backward.
/// - State: none. The pass draws the step's random numbers, and leaves running statistics alone.
/// - Source: arXiv 1412.6572, section 4.
public struct AdversarialTraining: BatchWrapper {
    /// The instance's name.
    public let name: String
    /// ε, how far each element moves; not negative.
    public let distance: Float

    /// Creates the technique.
    public init(_ distance: Float = 0.01, named name: String = "AdversarialTraining") {
        require(
            distance >= 0 && distance.isFinite, "AdversarialTraining: ε must not be negative but is \(distance)")
        self.name = name
        self.distance = distance
    }

    /// Returns the batch with moved inputs.
    public func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        guard distance > 0 else { return batch }
        var batch = batch
        batch.input = batch.input + context.inputGradient(of: batch).sign() * distance
        return batch
    }
}
