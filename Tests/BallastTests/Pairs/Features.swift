import Ballast
import BallastPlugins
import Foundation

/// Trainers that each use another feature, for what must hold whatever is used.
struct Feature: Sendable, CustomStringConvertible {
    let name: String
    private(set) var trainer: Trainer
    var description: String { name }

    init(
        _ name: String, _ techniques: [any Technique] = [], optimizer: any Optimizer = Adam(learningRate: 0.02),
        schedule: Schedule = .cosine(final: 0.1), shards: Int = 1, groups: [ParameterGroup] = [],
        model: (any Layer)? = nil
    ) {
        self.name = name
        trainer = PairedRun.trainer(
            techniques, optimizer: optimizer, schedule: schedule, shards: shards, groups: groups)
        if let model { trainer.model = model }
    }

    private static let plateau = ReduceOnPlateau(by: 0.5, patience: 0, threshold: 0.02, minimumLearningRate: 0.004)

    static let all: [Feature] = [
        Feature("nothing"),
        Feature("shards", [Dropout(0.3), L2(0.01), BatchNorm()], shards: 2),
        Feature(
            "groups", [DecoupledDecay(0.1), L1(0.01)],
            groups: [.frozen(.named("linear1.weight")), ParameterGroup(.named("linear3"), learningRateScale: 3)]),
        Feature("groups and shards", [Sharpness(), Dropout(0.2)], shards: 2, groups: [.frozen(.named("linear2"))]),
        Feature(
            "final variables",
            [
                CallbackProbe(name: "half") { _, context in
                    EpochDecision(finalVariables: context.variables.mapParameters { $0.value * 0.5 })
                }
            ]),
        Feature("averages", [MovingAverage(decay: 0.8), BatchNorm(), Dropout(0.1)]),
        Feature("averages and early stopping", [MovingAverage(), EarlyStopping(patience: 1, minDelta: 0.05)]),
        Feature(
            "plateau", [plateau, Dropout(0.2)], optimizer: RMSProp(learningRate: 0.01, momentum: 0.5)),
        Feature(
            "plateau, averages, groups and shards", [plateau, MovingAverage(), EarlyStopping(patience: 2), L2(0.01)],
            shards: 3, groups: [ParameterGroup(.named("linear3"), learningRateScale: 2)]),
        Feature(
            "convolutions along a sequence", [BatchNorm(), Dropout(0.2), Sharpness(), DecoupledDecay(0.1)], shards: 2,
            groups: [.frozen(.named("sequential1.conv1"))], model: RowConvolution()),
        Feature("early stopping", [EarlyStopping(patience: 1, minDelta: 0.2)]),
        Feature("early stopping, late", [EarlyStopping(patience: 2, minDelta: 10), Dropout(0.5)]),
        Feature("early stopping on accuracy", [EarlyStopping(patience: 2, monitor: "accuracy")]),
        Feature("own parameters", [Centers(), L2(0.01)], optimizer: SGD(learningRate: 0.3, momentum: 0.9)),
        Feature(
            "own parameters and shards", [Centers()], shards: 2, groups: [ParameterGroup(.all, learningRateScale: 2)]),
        Feature("own optimizer", [L2(0.01), ProximalL1(0.01)], optimizer: OwnAdam()),
        Feature("applied", [UnitClip(), MovingAverage(), EarlyStopping(patience: 2)]),
        Feature("second pass", [Sharpness(), Tracker(), BatchNorm(momentum: nil)]),
        Feature("extra passes", [CostTraps.PenaltyExtra(), Dropout(0.3), Diary()]),
        Feature(
            "state of every kind", [Tracker(), Diary(), BatchNorm()], schedule: .warmUp(steps: 5, then: .cosine())),
    ]
}
