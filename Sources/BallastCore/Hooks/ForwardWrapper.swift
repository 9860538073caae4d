public import Tensors

/// A technique that changes the batch that enters the model, or what layers compute.
///
/// The hook has two forms, each a protocol: ``BatchWrapper`` and ``LayerWrapper``. A technique conforms to either, or to
/// both. A type that conforms to this protocol alone is refused before the first step.
public protocol ForwardWrapper: Technique {}

/// A technique that changes the batch that enters the model, in training only.
///
/// Batches flow through the techniques of a composition from the first listed to the last.
public protocol BatchWrapper: ForwardWrapper {
    /// Returns the batch that enters the model.
    ///
    /// - Parameters:
    ///   - batch: the batch, as the wrappers listed before have left it.
    ///   - context: what else the wrapper may see: its own state, the number of classes, random numbers for each sample.
    /// - Returns: a batch of as many samples, whose inputs have the same shape; changed class targets are probabilities.
    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch
}

/// A technique that changes what layers compute.
///
/// At one site, data flows through the techniques of a composition from the first listed to the last; around a layer,
/// the first listed is innermost.
public protocol LayerWrapper: ForwardWrapper {
    /// Where the technique acts.
    var sites: [Site] { get }

    /// Returns what continues from a site, or what a layer computes.
    ///
    /// `call.next()` gives what the technique would change: at a site before or after a layer, what flows there;
    /// around a layer, the layer's output.
    ///
    /// - Parameters:
    ///   - call: the layer, what flows into the site, and a way to run what is wrapped.
    ///   - context: what else the wrapper may see: the phase, its own parameters, state and random numbers there.
    /// - Returns: what continues, of the shape that flows there without the technique, through which gradients flow.
    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor
}

/// What a technique that wraps a layer may see.
public struct LayerContext: HookContext {
    /// The technique's own place at this site: its parameters, state and random numbers there.
    public let scope: Scope
    let index: Int

    /// The batch of a pass that re-estimates statistics; nil in every other pass (``Scope/statisticsBatch``).
    public var statisticsBatch: Int? { scope.statisticsBatch }
}

/// What a technique that changes batches may see.
public struct BatchContext: HookContext {
    /// The technique's own place in the run.
    public let scope: Scope
    let passes: ExtraPasses

    /// The number of classes of the model's output; nil if the loss takes values.
    public var classes: Int? { passes.classes }

    /// The random numbers of one sample of the data in this epoch, whatever batch it is in.
    public func random(sample: Int32) -> RandomStream {
        scope.node.sampleStream.at(epoch: epoch, sample: Int(sample))
    }

    /// The gradient of the mean loss of a batch with respect to its input, of the input's shape.
    ///
    /// The pass draws the step's random numbers and leaves running statistics alone.
    public func inputGradient(of batch: Batch) -> Tensor { passes.inputGradient(of: batch, scope.pass) }
}
