/// Why training cannot continue, with the run as it was after its last good step.
public struct TrainingError: Error, CustomStringConvertible {
    /// The explanation: what, where, and what to do.
    public let description: String
    /// The error that ended the run, such as a ``TechniqueError`` or ``CheckpointError``; nil if this is the error itself.
    public let underlying: (any Error)?
    /// The run, whose variables are those of the last good step; nil if it had not begun. It belongs to the thread that
    /// catches the error.
    public nonisolated(unsafe) let run: Run?
    /// Whether the optimizer's memory is a step ahead of the variables, so that the run must not be saved.
    let leavesOptimizerAhead: Bool

    init(_ description: String, leavesOptimizerAhead: Bool = false) {
        self.description = description
        self.leavesOptimizerAhead = leavesOptimizerAhead
        underlying = nil
        run = nil
    }

    /// A mistake of a technique, found when the optimizer had made its step.
    init(_ error: any Error, leavesOptimizerAhead: Bool) {
        description = "\(error)"
        self.leavesOptimizerAhead = leavesOptimizerAhead
        underlying = error
        run = nil
    }

    /// An error that ended a run.
    init(_ error: any Error, in run: Run) {
        let own = error as? TrainingError
        description = own?.description ?? "\(error)"
        underlying = own == nil ? error : own?.underlying
        leavesOptimizerAhead = own?.leavesOptimizerAhead ?? false
        self.run = run
    }
}
