import Ballast
import Synchronization
import Tensors

/// What a run hands to the outside while it goes on: gradients by path, and losses.
final class RunRecording: Sendable {
    private let gradientScalars = Mutex<[String: [Float]]>([:])
    private let lossValues = Mutex<[Float]>([])

    /// The last gradients, as flat lists.
    var gradients: [String: [Float]] { gradientScalars.withLock { $0 } }
    /// The loss of every step.
    var losses: [Float] { lossValues.withLock { $0 } }

    fileprivate func record(gradient: [Float], of path: String) { gradientScalars.withLock { $0[path] = gradient } }

    /// The same loss, which records its values.
    func listening(to loss: Loss) -> Loss {
        Loss(loss.name, target: loss.target) { output, target in
            let value = loss(output, target)
            self.lossValues.withLock { $0.append(value.item) }
            return value
        }
    }
}

/// Records all gradients and lets them pass.
struct GradientRecorder: GradientTransform {
    let recording: RunRecording

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        for index in 0..<gradients.count {
            recording.record(gradient: gradients[index].scalars, of: gradients.path(index))
        }
        return gradients
    }
}
