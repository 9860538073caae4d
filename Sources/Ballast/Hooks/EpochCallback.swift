/// A technique that acts at the end of an epoch.
///
/// All callbacks of a composition are called, in order, also after one of them has decided to stop.
public protocol EpochCallback: Technique {
    /// When in an epoch's end the technique is called; after validation by default.
    var moments: [EpochMoment] { get }

    /// Decides how to go on.
    ///
    /// - Parameters:
    ///   - epoch: the account of the epoch; before validation, without its numbers.
    ///   - context: what else the callback may see: the variables, whether this is the last epoch, its own state.
    /// - Returns: to go on, to stop, and with which variables.
    func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision
}

extension EpochCallback {
    /// After validation.
    public var moments: [EpochMoment] { [.ended] }
}

/// A moment of an epoch's end.
public enum EpochMoment: String, Sendable, CaseIterable {
    /// Before validation: variables that are returned replace the run's for the validation alone.
    case validating
    /// After validation.
    case ended
}

/// What an epoch callback may see.
public struct EpochContext: HookContext {
    /// The technique's own place in the run.
    public let scope: Scope
    /// When in the epoch's end this is.
    public let moment: EpochMoment
    /// A copy of the run's variables.
    public var variables: Variables { scope.frame.execution.store.variables }
    /// Whether the run ends with this epoch, because it is the last or because a callback before has decided so.
    public let isLast: Bool
}

/// How a run goes on after an epoch.
public struct EpochDecision {
    /// Why the run is to stop; nil to go on.
    public var stopReason: String?
    /// The variables to go on with; nil to keep the run's.
    public var variables: Variables?
    /// The variables that the run is left with if this epoch is its last (``EpochContext/isLast``), such as those of the
    /// best epoch; nil to keep the run's. A run that is asked for more epochs later goes on without them.
    public var finalVariables: Variables?
    /// The factor for the learning rate of all epochs that follow; nil to leave it.
    public var learningRateFactor: Float?

    /// Creates a decision.
    ///
    /// - Parameters:
    ///   - stopReason: why the run is to stop; nil to go on.
    ///   - variables: the variables to go on with; nil to keep the run's.
    ///   - finalVariables: the variables that the run is left with if this epoch is its last.
    ///   - learningRateFactor: the factor for the learning rate of all epochs that follow.
    public init(
        stopReason: String? = nil, variables: Variables? = nil, finalVariables: Variables? = nil,
        learningRateFactor: Float? = nil
    ) {
        self.stopReason = stopReason
        self.variables = variables
        self.finalVariables = finalVariables
        self.learningRateFactor = learningRateFactor
    }

    /// Go on.
    public static var `continue`: EpochDecision { EpochDecision() }
    /// Stop, and go back to other variables if given.
    ///
    /// - Parameters:
    ///   - reason: why, in words for ``Run/stopReason``; the technique's name is put in front.
    ///   - variables: the variables that the run is left with; nil to keep its own.
    public static func stop(_ reason: String, restoring variables: Variables? = nil) -> EpochDecision {
        EpochDecision(stopReason: reason, variables: variables)
    }
    /// Go on with other variables.
    public static func replace(_ variables: Variables) -> EpochDecision { EpochDecision(variables: variables) }
    /// Go on with another learning rate.
    public static func scaleLearningRate(by factor: Float) -> EpochDecision {
        EpochDecision(learningRateFactor: factor)
    }
}
