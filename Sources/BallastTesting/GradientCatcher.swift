internal import BallastCore
internal import Synchronization

/// Records the gradients of the last step, as they are at its place in the list.
final class GradientCatcher: GradientTransform {
    private let byPath = Mutex<[String: [Float]]>([:])

    var name: String { "law gradients" }
    var gradients: [String: [Float]] { byPath.withLock { $0 } }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        var all: [String: [Float]] = [:]
        for index in gradients.indices { all[gradients.path(index)] = gradients[index].scalars }
        byPath.withLock { [all] in $0 = all }
        return gradients
    }
}
