internal import BallastCore
internal import Synchronization

/// What recording techniques saw, in order.
final class EffectRecorder: Sendable {
    /// A call of a hook.
    struct Entry: Sendable {
        let technique: String
        let hook: Hook
        /// Where: the layer and position, the stage or the moment.
        var place = ""
        let step: Int
        let isTraining: Bool
        /// The value of a penalty, or how much was changed.
        var effect: Double
        /// By how much the sum over a call's output was changed; nil where shapes were.
        var change: Double?
        /// What the hook was given, by name: `input`, `target`, or paths of parameters.
        var given: [String: Values] = [:]
        /// What it returned, by name: `input`, `target`, `output`, `penalty`, or paths of parameters.
        var returned: [String: Values] = [:]
        /// What a callback decides.
        var stopReason: String?
        var learningRateFactor: Float?
        /// The run's own variables, where a callback offers others.
        var current: [String: Values] = [:]
    }

    /// The values of a tensor, for another thread.
    struct Values: Sendable {
        private let floats: [Float]
        private let integers: [Int32]
        let shape: Shape

        init(_ tensor: Tensor) {
            let isInteger = tensor.scalarType == .int32
            floats = isInteger ? [] : tensor.detached.scalars
            integers = isInteger ? tensor.integers : []
            shape = tensor.shape
        }

        var tensor: Tensor {
            integers.isEmpty ? Tensor(floats, shape: shape) : Tensor(integers: integers, shape: shape)
        }
    }

    private let list = Mutex<[Entry]>([])

    func add(_ entry: Entry) { list.withLock { $0.append(entry) } }

    var entries: [Entry] { list.withLock { $0 } }

    static func values(_ variables: Variables) -> [String: Values] {
        Dictionary(variables.parameters.map { ($0.path, Values($0.value)) }) { first, _ in first }
    }
}

/// The sum of the magnitudes of the differences of two tensors.
func distance(_ first: Tensor, _ second: Tensor) -> Double {
    guard first.shape == second.shape, first.scalarType == second.scalarType else { return .infinity }
    guard first.scalarType == .float32 else { return first.integers == second.integers ? 0 : 1 }
    return zip(first.scalars, second.scalars).reduce(0) { $0 + abs(Double($1.0) - Double($1.1)) }
}
