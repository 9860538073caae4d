public import Tensors

/// A regularization technique: an immutable value that conforms to one or more of the four hooks,
/// ``LossPenalty``, ``GradientTransform``, ``ForwardWrapper`` and ``EpochCallback``.
///
/// A technique holds hyper-parameters only. Its state lives in the run, under its name: two of a kind in one
/// composition therefore need different names.
public protocol Technique: Sendable {
    /// The instance's name, which keys its state and randomness; by default the type's name.
    var name: String { get }

    /// What it does, in the words by which rules about compositions know it; none by default.
    var traits: Set<TechniqueTrait> { get }

    /// What is wrong, or unwise, about this technique in a composition; found before the first step.
    ///
    /// The rules about ``traits`` are applied without it. The default finds nothing more.
    func diagnostics(in context: CompositionContext) -> [Diagnostic]
}

extension Technique {
    /// The type's name.
    public var name: String { String(String(describing: Self.self).prefix { $0 != "<" }) }

    /// None.
    public var traits: Set<TechniqueTrait> { [] }

    /// Nothing.
    public func diagnostics(in context: CompositionContext) -> [Diagnostic] { [] }
}

/// The four hooks of the trainer.
public enum Hook: String, Sendable, CaseIterable, Codable {
    /// A term that is added to the loss.
    case lossPenalty
    /// A change of the gradients, or of the updates that the optimizer makes of them.
    case gradientTransform
    /// A change of the batch, or of what a layer computes.
    case forwardWrapper
    /// A decision at the end of an epoch.
    case epochCallback

    package var index: Int {
        switch self {
        case .lossPenalty: 0
        case .gradientTransform: 1
        case .forwardWrapper: 2
        case .epochCallback: 3
        }
    }
}

/// What every hook may see of the step it is called in.
public protocol HookContext {
    /// The technique's own place in the run: its parameters, state and random numbers.
    var scope: Scope { get }
}

extension HookContext {
    /// The epoch, counted from 0.
    public var epoch: Int { scope.pass.info.epoch }
    /// The step in the epoch, counted from 0.
    public var step: Int { scope.pass.info.step }
    /// The number of updates made before this one.
    public var globalStep: Int { scope.pass.info.globalStep }
    /// What kind of pass this is.
    public var phase: Phase { scope.pass.phase }
    /// Whether this pass trains.
    public var isTraining: Bool { phase == .training }
    /// The optimizer's learning rate in this step, after the schedule; ``Gradients/learningRate(_:)`` is that of a group.
    public var learningRate: Float { scope.pass.info.learningRate }
    /// What the schedule multiplies the optimizer's learning rate by in this step.
    public var scheduleFactor: Float { scope.pass.info.scheduleFactor }
    /// The random numbers of this technique at this place and step; the same whatever else is composed.
    public var random: RandomStream { scope.random() }
    /// The random numbers of this technique at this step, the same at all its places and hooks.
    public var sharedRandom: RandomStream { scope.pass.draw.ofWholeBatch.stream(scope.node.sharedStream) }
}
