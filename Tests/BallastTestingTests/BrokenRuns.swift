import Ballast
import Foundation
import Synchronization

/// Remembers its masks, which it takes to be a function of layer and step: of the seed, too.
final class RememberedMasks: LayerWrapper {
    private let masks = Mutex<[String: [Float]]>([:])

    var sites: [Site] { [.after(.activations)] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        let x = call.next()
        guard context.isTraining else { return x }
        let key = "\(call.path) \(context.globalStep)"
        let mask = masks.withLock { masks in
            let mask = masks[key] ?? dropout(.ones(x.shape), probability: 0.5, from: context.random).scalars
            masks[key] = mask
            return mask
        }
        return x * Tensor(mask, shape: x.shape)
    }
}

/// Sums in as many shares as there are threads.
struct SharedSum: LossPenalty {
    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        parameters.weights.reduce(Tensor(0)) { sum, parameter in
            let (rows, shares) = (parameter.value.shape[0], Kernels.threadCount)
            return (0..<shares).reduce(sum) { sum, share in
                let range = rows * share / shares..<rows * (share + 1) / shares
                return range.isEmpty ? sum : sum + parameter.value.slice(axis: 0, range).sumOfSquares() * 0.01
            }
        }
    }
}

/// Takes a name that nobody else has, and so another one in every process.
struct UniquePlateau: EpochCallback {
    let name = "UniquePlateau-\(UUID().uuidString)"

    func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision {
        let best = context.scope.number("best", initial: .infinity)
        let loss = epoch.validationLoss ?? .infinity
        guard loss >= best.value else {
            best.value = loss
            return .continue
        }
        return .scaleLearningRate(by: 0.5)
    }
}

/// Makes a batch of its own, which does not know which samples it has.
struct FreshNoise: BatchWrapper {

    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        let noise = Tensor.normal(batch.input.shape, deviation: 0.1, from: context.random)
        return Batch(input: batch.input + noise, target: batch.target)
    }
}

/// The right one: changes the batch that it is given.
struct BatchNoise: BatchWrapper {

    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        var batch = batch
        batch.input = batch.input + .normal(batch.input.shape, deviation: 0.1, from: context.random)
        return batch
    }
}

/// Computes the activation by itself, with a slope for what is negative: what was listed before is not run.
struct LonelySlope: LayerWrapper {
    var sites: [Site] { [.around(.activations)] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        call.input.relu() * 0.9 + call.input * 0.1
    }
}

/// The right one: has the activation run.
struct Slope: LayerWrapper {
    var sites: [Site] { [.around(.activations)] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        call.next() * 0.9 + call.input * 0.1
    }
}
