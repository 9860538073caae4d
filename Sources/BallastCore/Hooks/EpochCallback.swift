internal import Tensors

/// A technique that acts at the end of an epoch.
///
/// All callbacks of a composition are called, in the order listed, also after one of them has decided to stop.
public protocol EpochCallback: Technique {
    /// Decides how training continues after an epoch.
    ///
    /// - Parameters:
    ///   - epoch: the record of the epoch, validation included.
    ///   - context: what else the callback may see: the variables, those that were validated, its own state.
    /// - Returns: to continue, to stop, and with which variables.
    func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision

    /// Returns variables to validate, and to end a run with, in place of the run's, such as averages; nil for the run's
    /// own, which is the default.
    ///
    /// Training continues with the run's variables. If several callbacks return some, the last listed counts.
    ///
    /// - Parameter context: what the callback may see.
    func variablesForValidation(in context: EpochContext) -> Variables?
}

extension EpochCallback {
    /// The run's own.
    public func variablesForValidation(in context: EpochContext) -> Variables? { nil }
}

/// What an epoch callback may see.
public struct EpochContext: HookContext {
    /// The technique's own place in the run.
    public let scope: Scope
    /// The number of epochs that were requested.
    public let epochs: Int
    /// The metrics of validation, the loss included.
    public let metrics: [MetricDescription]
    /// A copy of the run's variables.
    public var variables: Variables { scope.node.tree.variables(scope.pass.parameters, scope.pass.states) }
    /// The variables that were validated: those of ``EpochCallback/variablesForValidation(in:)``, or the run's.
    ///
    /// They hold what predictions depend on, without what techniques keep for themselves.
    public let validatedVariables: Variables
    let refresh: (Variables) throws -> Variables

    /// The variables with running statistics estimated anew: means over the training data with equal weights, in one
    /// pass in the training phase without gradients.
    ///
    /// Averaged weights need them (Izmailov et al., 2018), since statistics of other weights do not fit.
    ///
    /// - Parameter variables: the variables to estimate them for, such as averages.
    public func refreshedStatistics(of variables: Variables) -> Variables {
        do {
            return try CostMeter.account(CostMeter.model, in: scope.pass) { try refresh(variables) }
        } catch {
            scope.pass.record.fail(error)
            return variables
        }
    }
}

/// How a run continues after an epoch.
public struct EpochDecision {
    /// Why the run is to stop; nil to continue.
    public var stopReason: String?
    /// The variables to continue with; nil to keep the run's.
    public var variables: Variables?
    /// The variables that the run is left with when it ends, unless they are replaced by a later epoch's: such as those
    /// of the best epoch so far. Nil to leave an earlier offer as it is. The run applies them however it ends; a run that
    /// is continued later continues without them.
    public var finalVariables: Variables?
    /// What the learning rate of all following epochs is multiplied by; nil to leave it.
    public var learningRateFactor: Float?

    /// Creates a decision.
    ///
    /// - Parameters:
    ///   - stopReason: why the run is to stop; nil to continue.
    ///   - variables: the variables to continue with; nil to keep the run's.
    ///   - finalVariables: the variables that the run is left with when it ends.
    ///   - learningRateFactor: what the learning rate of all following epochs is multiplied by.
    public init(
        stopReason: String? = nil, variables: Variables? = nil, finalVariables: Variables? = nil,
        learningRateFactor: Float? = nil
    ) {
        self.stopReason = stopReason
        self.variables = variables
        self.finalVariables = finalVariables
        self.learningRateFactor = learningRateFactor
    }

    /// Continue.
    public static var `continue`: EpochDecision { EpochDecision() }
    /// Stop.
    ///
    /// - Parameter reason: why, in words for ``RunEnd/stopped(by:reason:)``.
    public static func stop(_ reason: String) -> EpochDecision { EpochDecision(stopReason: reason) }
    /// Continue with other variables.
    public static func replace(_ variables: Variables) -> EpochDecision { EpochDecision(variables: variables) }
    /// Continue with another learning rate.
    public static func scaleLearningRate(by factor: Float) -> EpochDecision {
        EpochDecision(learningRateFactor: factor)
    }
}
