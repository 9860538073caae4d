package import Ballast
internal import Synchronization

/// Data whose batches, in the first epoch of a run, are given ones.
package enum ReplayedBatches {
    /// Arranges samples so that the first epoch of a run with a seed goes through them in a given order.
    ///
    /// - Parameters:
    ///   - order: which sample is the first, the second, ... of the epoch; samples may occur any number of times.
    ///   - seed: the seed of the run.
    /// - Returns: which sample to put at each position of the data.
    package static func arranged(_ order: [Int], seed: UInt64) -> [Int] {
        var arranged = order
        let visits = RandomStream(seed: seed, purpose: "shuffle").at(0).permutation(order.count)
        for (time, position) in visits.enumerated() { arranged[Int(position)] = order[time] }
        return arranged
    }
}

/// What a run looked like from inside: a technique that writes down outputs and gradients.
package final class Recording: Sendable {
    /// One step.
    package struct Step: Sendable {
        /// The output of the model.
        package var output: [Float] = []
        /// The gradient of each parameter, by its path.
        package var gradients: [String: [Float]] = [:]
        /// The parameters that `.weights` selects.
        package var weights: [String] = []
    }

    private let state = Mutex<[Step]>([])

    /// Creates an empty recording.
    package init() {}

    /// The steps so far.
    package var steps: [Step] { state.withLock { $0 } }

    fileprivate func begin(_ step: Step) { state.withLock { $0.append(step) } }
    fileprivate func note(_ gradients: [String: [Float]]) {
        state.withLock { $0[$0.count - 1].gradients = gradients }
    }
}

/// Writes down outputs and gradients; the last of its composition.
package struct Recorder: LossPenalty, GradientTransform {
    private let recording: Recording
    /// Whether parameters stay as they are.
    private let holdsParameters: Bool
    package var parameters: ParameterSelector { .all }

    /// Creates a recorder that writes to a recording.
    package init(to recording: Recording, holdingParameters: Bool = false) {
        self.recording = recording
        holdsParameters = holdingParameters
    }

    package func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        guard context.isTraining else { return Tensor(0) }
        recording.begin(.init(output: context.output.scalars, weights: parameters.weights.map(\.path)))
        return Tensor(0)
    }

    package func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        var byPath: [String: [Float]] = [:]
        for index in 0..<gradients.count { byPath[gradients.path(index)] = gradients[index].scalars }
        recording.note(byPath)
        var result = gradients
        if holdsParameters { result.scale(by: 0) }
        return result
    }
}
