import Ballast
import Synchronization

/// Uses its list of parameters up at the first step.
final class ExhaustedL1: LossPenalty {
    private let remaining = Mutex<[String]?>(nil)

    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        let paths = remaining.withLock { list in
            let paths = list ?? parameters.weights.map(\.path)
            list = []
            return paths
        }
        return parameters.weights.reduce(Tensor(0)) { sum, parameter in
            paths.contains(parameter.path) ? sum + parameter.value.sumOfMagnitudes() * 0.01 : sum
        }
    }
}

/// Calls itself L2, and is the norm.
struct NormL2: LossPenalty {
    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        parameters.weights.sumOfSquares().squareRoot() * 0.01
    }
}

/// Sums the squares of activations over the batch, where it should take the mean.
struct SummedActivity: LossPenalty {
    var observes: [LayerSelector] { [.activations] }

    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        context.activations.reduce(Tensor(0)) { $0 + $1.value.sumOfSquares() * 0.001 }
    }
}

/// The right one: the mean over the batch.
struct MeanActivity: LossPenalty {
    var observes: [LayerSelector] { [.activations] }

    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        context.activations.reduce(Tensor(0)) {
            $0 + $1.value.sumOfSquares() * (0.001 / Float(context.batch.count))
        }
    }
}

/// Has a gradient that is not that of its value.
struct HalfGradient: LossPenalty {
    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        parameters.weights.reduce(Tensor(0)) { $0 + ($1.value * $1.value.detached).sum() * 1e-5 }
    }
}

/// A square root at zero: no number for dead units.
struct RootOfActivity: LossPenalty {
    var observes: [LayerSelector] { [.model] }

    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        context.batch.input.squared().mean().log() * 0.01 + parameters.weights.sumOfSquares(scale: 0.01)
    }
}

/// Puts the penalty into what layers compute, so that validation has it too.
struct PenaltyInTheOutput: LayerWrapper {
    var sites: [Site] { [.around(.kind("linear"))] }

    func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
        var penalty = Tensor(0)
        for parameter in call.parameters where parameter.name == "weight" {
            penalty = parameter.value.sumOfSquares() * 0.01
        }
        return call.next() + penalty
    }
}

/// Forgets that its strength is that of both of its terms.
struct HalfStrength: LossPenalty {
    let strength: Float

    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        parameters.weights.reduce(Tensor(0)) { sum, parameter in
            sum + parameter.value.sumOfMagnitudes() * strength + parameter.value.sumOfSquares() * 0.01
        }
    }
}

/// Is to begin after some steps, and ends there: the comparison is the wrong way round.
struct EarlyL2: LossPenalty {
    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        parameters.weights.sumOfSquares(scale: context.globalStep < 5 ? 0.01 : 0)
    }
}

/// Sums over all parameters, and leaves it at saying that it penalizes the weights.
struct UnsaidL2: LossPenalty {
    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        parameters.matching(.all).sumOfSquares(scale: 0.01)
    }
}

/// Is slow: compares each weight with each other one, number by number.
struct PairwisePenalty: LossPenalty {
    func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
        parameters.weights.reduce(Tensor(0)) { sum, parameter in
            let values = parameter.value.detached.scalars
            let closeness = values.reduce(Float(0)) { sum, one in values.reduce(sum) { $0 + abs($1 - one) } }
            return sum + parameter.value.sumOfSquares() * (0.01 / (1 + closeness))
        }
    }
}
