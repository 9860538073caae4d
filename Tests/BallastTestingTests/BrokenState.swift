import Ballast
import Synchronization

/// Keeps its averages in a property: a resumed run begins them anew.
final class ForgetfulAverages: GradientTransform {
    private let averages = Mutex<[Int: [Float]]>([:])

    var stage: GradientStage { .update }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        var updates = gradients
        for index in 0..<updates.count {
            let new = updates[index].scalars
            let average = averages.withLock { averages in
                let average = zip(averages[index] ?? new, new).map { $0 * 0.5 + $1 * 0.5 }
                averages[index] = average
                return average
            }
            updates[index] = Tensor(average, shape: updates[index].shape)
        }
        return updates
    }
}

/// Keeps the best value in a property: a resumed run waits once more.
final class ForgetfulStopping: EpochCallback {
    private let best = Mutex<Double>(.infinity)

    func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision {
        let loss = epoch.validationLoss ?? .infinity
        return best.withLock { best in
            guard loss + 10 >= best else {
                best = loss
                return .continue
            }
            return .stop("not better by 10")
        }
    }
}

/// Counts its draws in a property: a resumed run draws the first numbers again.
final class ForgetfulNoise: LayerWrapper {
    private let draws = Mutex<UInt64>(0)

    var sites: [Site] { [.after(.activations)] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        guard context.isTraining else { return call.next() }
        let index = draws.withLock { draws in
            draws += 1
            return draws
        }
        let stream = RandomStream(seed: 5, purpose: "noise").at(index)
        return call.next() + .normal(call.input.shape, deviation: 0.1, from: stream)
    }
}

/// Looks for sharpness at every third step, and keeps the direction in a property: a resumed run has none.
final class ForgetfulSharpness: GradientTransform {
    private let direction = Mutex<[[Float]]>([])

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        if context.globalStep % 3 == 0 {
            let new = (0..<gradients.count).map { gradients[$0].scalars }
            direction.withLock { $0 = new }
        }
        let direction = direction.withLock { $0 }
        guard !direction.isEmpty else { return gradients }
        return context.gradients(
            at: (0..<gradients.count).map { index in
                let parameter = gradients.parameter(index)
                return parameter + Tensor(direction[index], shape: parameter.shape) * 0.1
            })
    }
}

/// Keeps one velocity for all instances of the type.
struct SharedVelocity: GradientTransform {
    private static let velocities = Mutex<[String: [Float]]>([:])

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        if context.globalStep == 0, name == "SharedVelocity" { Self.velocities.withLock { $0 = [:] } }
        var gradients = gradients
        for index in 0..<gradients.count {
            let new = gradients[index].scalars
            let path = gradients.path(index)
            let velocity = Self.velocities.withLock { velocities in
                let velocity = zip(velocities[path] ?? new, new).map { $0 * 0.5 + $1 }
                velocities[path] = velocity
                return velocity
            }
            gradients[index] = Tensor(velocity, shape: gradients[index].shape)
        }
        return gradients
    }
}

/// Swaps averages in at the end of an epoch, and back in the next step, if there is one.
struct SwapByHand: GradientTransform, EpochCallback {
    var stage: GradientStage { .update }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        var updates = gradients
        let own = context.scope.snapshot("own")
        for index in 0..<updates.count {
            let parameter = updates.parameter(index)
            let average = context.scope.state("average.\(updates.path(index))", parameter.shape, initial: .zeros)
            if let value = own.value?[updates.path(index)] { updates[index] = updates[index] + value - parameter }
            average.value = average.value * 0.9 + (parameter + updates[index]) * 0.1
        }
        own.value = nil
        return updates
    }

    func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision {
        let variables = context.variables
        context.scope.snapshot("own").value = variables
        return .replace(
            variables.mapParameters { variables["\(name)/average.\($0.path)"] ?? $0.value })
    }
}

/// The right one: the averages are there for the validation alone.
struct SwapForValidation: GradientTransform, EpochCallback {
    var stage: GradientStage { .applied }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        for index in gradients.indices {
            let average = context.scope.state(
                "average.\(gradients.path(index))", gradients[index].shape, initial: .zeros)
            average.blend(gradients[index], weight: context.globalStep == 0 ? 1 : 0.1)
        }
        return gradients
    }

    func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision { .continue }

    func variablesForValidation(in context: EpochContext) -> Variables? {
        let variables = context.variables
        return variables.mapParameters { variables["\(name)/average.\($0.path)"] ?? $0.value }
    }
}

/// Averages the parameters before the update is added: at the end of an epoch, the last step is not in it.
struct LateAverage: GradientTransform, EpochCallback {
    var stage: GradientStage { .update }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        for index in gradients.indices {
            let parameter = gradients.parameter(index)
            let average = context.scope.state("average.\(gradients.path(index))", parameter.shape, initial: .zeros)
            average.blend(parameter, weight: context.globalStep == 0 ? 1 : 0.1)
        }
        return gradients
    }

    func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision { .continue }

    func variablesForValidation(in context: EpochContext) -> Variables? {
        let variables = context.variables
        return variables.mapParameters { variables["\(name)/average.\($0.path)"] ?? $0.value }
    }
}

/// Begins its averages at 0, and does not divide by the sum of the weights.
struct AverageFromZero: GradientTransform, EpochCallback {
    var stage: GradientStage { .applied }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        for index in gradients.indices {
            context.scope.state("average.\(gradients.path(index))", gradients[index].shape, initial: .zeros)
                .blend(gradients[index], weight: 0.1)
        }
        return gradients
    }

    func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision { .continue }

    func variablesForValidation(in context: EpochContext) -> Variables? {
        let variables = context.variables
        return variables.mapParameters { variables["\(name)/average.\($0.path)"] ?? $0.value }
    }
}
