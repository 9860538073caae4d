internal import BallastCore
internal import Synchronization

/// What stand-ins saw, in order.
final class Journal: Sendable {
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
        /// The paths of the parameters whose gradient or update was changed.
        var changed: [String] = []
        var input: Values?
        var output: Values?
    }

    struct Values: Sendable {
        let scalars: [Float]
        let shape: Shape

        init(_ tensor: Tensor) {
            scalars = tensor.detached.scalars
            shape = tensor.shape
        }

        var tensor: Tensor { Tensor(scalars, shape: shape) }
    }

    private let list = Mutex<[Entry]>([])

    func add(_ entry: Entry) { list.withLock { $0.append(entry) } }

    var entries: [Entry] { list.withLock { $0 } }
}

/// The sum of the magnitudes of the differences of two tensors.
func distance(_ first: Tensor, _ second: Tensor) -> Double {
    guard first.shape == second.shape, first.scalarType == second.scalarType else { return .infinity }
    guard first.scalarType == .float32 else { return first.integers == second.integers ? 0 : 1 }
    return zip(first.scalars, second.scalars).reduce(0) { $0 + abs(Double($1.0) - Double($1.1)) }
}
