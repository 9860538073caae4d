public import Tensors

/// A technique that changes the batch that enters the model, or what layers compute.
///
/// It implements the form of the hook that its sites call for: the one that takes a batch for ``Site/batch``, the one
/// that takes a layer call for all others. At one site, data flows through the techniques of a composition from the
/// first listed to the last; around a layer, the first listed stands nearest to it.
public protocol ForwardWrapper: Technique {
    /// Where the technique acts.
    var sites: [Site] { get }

    /// Returns what flows on from a site, or what a layer computes.
    ///
    /// `call.next()` gives what the technique would change: at a site before or after a layer, what flows there;
    /// around a layer, the layer's output. The default returns it unchanged.
    ///
    /// - Parameters:
    ///   - call: the layer, what flows into the site, and a way to run what is wrapped.
    ///   - context: what else the wrapper may see: the phase, its own parameters, state and random numbers there.
    /// - Returns: what flows on, through which gradients flow; usually of the same shape.
    func forwardWrapper(_ call: LayerCall, in context: ForwardContext) -> Tensor

    /// Returns the batch that enters the model; only called in training. The default returns it unchanged.
    ///
    /// - Parameters:
    ///   - batch: the batch, as the wrappers before have left it.
    ///   - context: what else the wrapper may see: its own state, and random numbers for each sample.
    /// - Returns: a batch of as many samples; changed targets are probabilities.
    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch
}

extension ForwardWrapper {
    /// What flows there, unchanged.
    public func forwardWrapper(_ call: LayerCall, in context: ForwardContext) -> Tensor { call.next() }
    /// The batch, unchanged.
    public func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch { batch }
}

/// The call of a layer, as a technique that wraps it sees it.
public struct LayerCall {
    typealias Next = (_ input: Tensor, _ transform: ((String, Tensor) -> Tensor)?) -> Tensor

    /// The layer's path, such as `encoder.linear1`; empty for the whole model.
    public let path: String
    /// The layer's kind, such as `linear`.
    public let kind: String
    /// Where the technique stands: before, around or after the layer.
    public let position: Site.Position
    /// What flows into the site.
    public let input: Tensor
    let runNext: Next?

    /// Runs what is wrapped on the input.
    public func next() -> Tensor { runNext.map { $0(input, nil) } ?? input }

    /// Runs what is wrapped on another input, with parameters changed if asked.
    ///
    /// - Parameters:
    ///   - input: the input; at sites before and after a layer it is returned as it is.
    ///   - transform: given the name and value of each parameter of the layer, returns the value to use. Around only.
    public func next(
        _ input: Tensor, transformingParameters transform: ((_ name: String, _ value: Tensor) -> Tensor)? = nil
    ) -> Tensor {
        guard let runNext else {
            guard transform == nil else {
                fail("next", "parameters can be changed around a layer only, at a site `.around`")
            }
            return input
        }
        return runNext(input, transform)
    }
}

/// What a technique that wraps a layer may see.
public struct ForwardContext: HookContext {
    /// The technique's own place at this site: its parameters, state and random numbers there.
    public let scope: Scope
}

/// What a technique that changes batches may see.
public struct BatchContext: HookContext {
    /// The technique's own place in the run.
    public let scope: Scope

    /// The random numbers of one sample of the data in this epoch, whatever batch it is in.
    public func random(sample: Int32) -> RandomStream {
        let stream = scope.frame.stream.at(epoch: epoch, sample: Int(sample))
        // Apart from the streams of steps, which are of the same purpose and count from 0.
        return stream.at(stream.index | 1 << 63)
    }
}
