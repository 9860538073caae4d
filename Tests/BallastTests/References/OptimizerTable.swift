import Ballast
import BallastPlugins

/// The optimizers of the fixtures, with the technique that does what PyTorch's `weight_decay` does.
///
/// The values are those of `optimizers` in `make_training_fixtures.py`.
enum OptimizerTable {
    struct Entry {
        let optimizer: any Optimizer
        let composition: Composition

        init(_ optimizer: any Optimizer, @CompositionBuilder _ techniques: () -> [any Technique] = { [] }) {
            self.optimizer = optimizer
            composition = Composition(techniques())
        }
    }

    static let entries: [String: Entry] = [
        "sgd": Entry(SGD(learningRate: 0.05)),
        "sgd-l2": Entry(SGD(learningRate: 0.05)) { L2(0.02) },
        "momentum-l2": Entry(SGD(learningRate: 0.02, momentum: 0.9)) { L2(0.01) },
        "momentum-l2-all": Entry(SGD(learningRate: 0.02, momentum: 0.9)) { L2(0.01, on: .all) },
        "nesterov": Entry(SGD(learningRate: 0.02, momentum: 0.9, nesterov: true)),
        "nesterov-l2": Entry(SGD(learningRate: 0.02, momentum: 0.8, nesterov: true)) { L2(0.01) },
        "adam": Entry(Adam(learningRate: 0.01)),
        "adam-betas": Entry(Adam(learningRate: 0.005, beta1: 0.8, beta2: 0.95, epsilon: 1e-4)),
        "adam-l2": Entry(Adam(learningRate: 0.01)) { L2(0.05) },
        "adamw": Entry(Adam(learningRate: 0.01)) { DecoupledDecay(0.5) },
        "adamw-all": Entry(Adam(learningRate: 0.01)) { DecoupledDecay(0.5, on: .all) },
        "rmsprop": Entry(RMSProp(learningRate: 0.005)),
        "rmsprop-momentum": Entry(RMSProp(learningRate: 0.001, alpha: 0.95, momentum: 0.9)),
        "rmsprop-l2": Entry(RMSProp(learningRate: 0.005)) { L2(0.05) },
    ]
}
