internal import Tensors

/// All that changes in a run, and exactly what a checkpoint holds of it.
final class RunState {
    let parameters: ParameterValues
    let states: StateValues
    /// The optimizer's tensors for each parameter, in the order of its slots.
    var slots: ContiguousArray<[Tensor]> = []

    /// The number of updates made.
    var step = 0
    let stepsPerEpoch: Int
    /// The records of the epochs that have ended.
    var history: [EpochRecord] = []
    /// The sum of the losses of the epoch's samples so far.
    var lossSum = 0.0
    /// The sum of each penalty over the epoch's steps so far.
    var penaltySums: [Double]
    /// The time that the epoch's steps have taken so far, in seconds.
    var trainSeconds = 0.0
    /// What callbacks have multiplied the learning rate by.
    var learningRateFactor: Float = 1
    /// The variables that callbacks chose for the end of the run, whenever that is, by the callback's name.
    var finalVariables: [String: Variables] = [:]
    /// The variables that were validated in place of the run's own when it ended.
    var validatedVariables: Variables?
    /// Why the run has ended; nil while it has not.
    var end: RunEnd?

    init(_ parameters: ParameterValues, _ states: StateValues, stepsPerEpoch: Int, penalties: Int) {
        self.parameters = parameters
        self.states = states
        self.stepsPerEpoch = stepsPerEpoch
        penaltySums = Array(repeating: 0, count: penalties)
    }

    /// The epoch, counted from 0.
    var epoch: Int { history.count }
    /// The step in the epoch, counted from 0.
    var stepInEpoch: Int { step - history.count * stepsPerEpoch }

    /// Ends the epoch's sums.
    func beginEpoch() {
        lossSum = 0
        trainSeconds = 0
        for index in penaltySums.indices { penaltySums[index] = 0 }
    }
}
