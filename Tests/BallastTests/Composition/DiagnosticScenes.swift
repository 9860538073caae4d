import Ballast
import BallastPlugins
import Testing

/// A composition in its surroundings, and what composing finds about it.
struct Scene: Sendable {
    var model: any Layer = Problem.perceptron
    var images = false
    var optimizer: any Optimizer = SGD(learningRate: 0.1)
    var batchSize = 8
    var hasValidation = true
    var techniques: [any Technique]

    /// 53 rows, or 37 images, for 10 epochs.
    func diagnostics(silencing: Set<String> = []) throws -> [Diagnostic] {
        let data = images ? try Problem.images() : try Problem.rows()
        do {
            return try Trainer(
                model, loss: .crossEntropy, optimizer: optimizer, batchSize: batchSize, silencing: silencing,
                composition: Composition(techniques)
            ).start(data, validation: hasValidation ? data : nil, epochs: 10).diagnostics
        } catch let error as CompositionError {
            return error.diagnostics
        }
    }
}

/// A technique of another author that says what it does, and does nothing.
struct Editor: BatchWrapper {
    let name: String
    let traits: Set<TechniqueTrait>
    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch { batch }
}

/// A transform of another author that says what it does, and does nothing.
struct Changer: GradientTransform {
    let name: String
    let traits: Set<TechniqueTrait>
    var stage: GradientStage = .gradient
    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients { gradients }
}

/// A callback of another author that says it averages, and does not.
struct Averager: EpochCallback {
    let name: String
    var traits: Set<TechniqueTrait> { [.averagesWeights] }
    func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision { .continue }
}

/// A diagnostic with scenes that raise it, and scenes that miss it by a little.
struct DiagnosticCase: Sendable, CustomTestStringConvertible {
    let identifier: String
    /// The name of the technique that it concerns.
    let technique: String
    let raised: [Scene]
    let missed: [Scene]
    /// What the finding must name.
    var names: [String] = []

    var testDescription: String { identifier }

    static let errors = [
        DiagnosticCase(
            identifier: "no-validation", technique: "EarlyStopping",
            raised: [Scene(hasValidation: false, techniques: [EarlyStopping(patience: 2)])],
            missed: [
                Scene(techniques: [EarlyStopping(patience: 2)]),
                Scene(hasValidation: false, techniques: [EarlyStopping(patience: 2, monitor: "trainLoss")]),
            ]),
        DiagnosticCase(
            identifier: "batch-norm-of-one", technique: "BatchNorm",
            raised: [
                Scene(batchSize: 1, techniques: [BatchNorm()]),
                // 53 rows are 13 batches of 4 and one of 1.
                Scene(batchSize: 4, techniques: [BatchNorm()]),
            ],
            missed: [
                Scene(batchSize: 5, techniques: [BatchNorm()]),
                Scene(batchSize: 1, techniques: [LayerNorm()]),
                Scene(model: Problem.convolutional, images: true, batchSize: 1, techniques: [BatchNorm()]),
            ], names: ["before(\"relu1\")"]),
        DiagnosticCase(
            identifier: "no-such-site", technique: "Dropout",
            raised: [Scene(techniques: [Dropout(0.5, at: .after("relu3"))])],
            missed: [Scene(techniques: [Dropout(0.5, at: .after("relu2"))])], names: [".after(\"relu3\")"]),
        DiagnosticCase(
            identifier: "no-such-parameter", technique: "L2",
            raised: [Scene(techniques: [L2(0.1, on: .named("linear4.weight"))])],
            missed: [Scene(techniques: [L2(0.1, on: .named("linear3.weight"))])], names: ["linear4.weight"]),
        DiagnosticCase(
            identifier: "duplicate-name", technique: "Dropout",
            raised: [Scene(techniques: [Dropout(0.1), Dropout(0.2)])],
            missed: [Scene(techniques: [Dropout(0.1), Dropout(0.2, named: "second")])]),
    ]

    static let warnings = [
        DiagnosticCase(
            identifier: "adaptive-l2", technique: "penalty",
            raised: [
                Scene(optimizer: Adam(), techniques: [L2(1e-4, named: "penalty")]),
                Scene(optimizer: RMSProp(), techniques: [L1(1e-4, named: "penalty")]),
                Scene(optimizer: Adam(), techniques: [ElasticNet(1e-4, named: "penalty")]),
            ],
            missed: [
                Scene(techniques: [L2(1e-4)]), Scene(optimizer: Adam(), techniques: [DecoupledDecay(0.1)]),
                Scene(optimizer: Adam(), techniques: [ProximalL1(1e-4)]),
            ]),
        DiagnosticCase(
            identifier: "double-decay", technique: "DecoupledDecay",
            raised: [
                Scene(techniques: [L2(1e-4), DecoupledDecay(0.1)]),
                Scene(techniques: [ElasticNet(1e-4, named: "L2"), DecoupledDecay(0.1, on: .named("linear1.weight"))]),
            ],
            missed: [
                Scene(techniques: [
                    L2(1e-4, on: .named("linear1.weight")),
                    DecoupledDecay(0.1, on: .excluding(.weights, .named("linear1"))),
                ]),
                Scene(techniques: [L1(1e-4), DecoupledDecay(0.1)]),
            ], names: ["L2", "linear1.weight"]),
        DiagnosticCase(
            identifier: "decay-on-normalization", technique: "DecoupledDecay",
            raised: [Scene(techniques: [LayerNorm(), DecoupledDecay(0.1, on: .role(.normalization))])],
            missed: [Scene(techniques: [LayerNorm(), DecoupledDecay(0.1)])], names: ["LayerNorm/relu1.weight"]),
        DiagnosticCase(
            identifier: "decay-on-bias", technique: "penalty",
            raised: [
                Scene(techniques: [L2(1e-4, on: .all, named: "penalty")]),
                Scene(techniques: [ProximalL1(1e-4, on: .named("linear2.bias"), named: "penalty")]),
            ],
            missed: [Scene(techniques: [L2(1e-4)])], names: ["linear2.bias"]),
        DiagnosticCase(
            identifier: "dropout-before-batch-norm", technique: "Dropout",
            raised: [
                Scene(techniques: [Dropout(0.5, at: .after("relu1")), BatchNorm(at: .before("relu2"))]),
                Scene(techniques: [BatchNorm(at: .before("relu2")), Dropout(0.5, at: .after("relu1"))]),
                Scene(techniques: [Dropout(0.5, at: .before("relu2")), BatchNorm(at: .before("relu2"))]),
            ],
            missed: [
                Scene(techniques: [Dropout(0.5, at: .after("relu2")), BatchNorm(at: .before("relu2"))]),
                Scene(techniques: [BatchNorm(at: .before("relu2")), Dropout(0.5, at: .before("relu2"))]),
                Scene(techniques: [Dropout(0.5, at: .after("relu1")), LayerNorm(at: .before("relu2"))]),
                Scene(techniques: [
                    Dropout(0.5, at: .after("relu1")), BatchNorm(at: .before("relu2"), tracksStatistics: false),
                ]),
            ], names: ["BatchNorm", "before(\"relu2\")"]),
        DiagnosticCase(
            identifier: "l2-before-norm", technique: "L2",
            raised: [
                Scene(techniques: [L2(1e-4), LayerNorm(at: .before("relu1"))]),
                Scene(techniques: [L2(1e-4), BatchNorm(at: .after("linear1"), named: "LayerNorm")]),
                // In evaluation dropout hands on what it gets.
                Scene(techniques: [Dropout(0.1, at: .after("linear1")), LayerNorm(at: .before("relu1")), L2(1e-4)]),
            ],
            missed: [
                Scene(techniques: [
                    L2(1e-4, on: .excluding(.weights, .named("linear1"))), LayerNorm(at: .before("relu1")),
                ]),
                Scene(techniques: [L2(1e-4), LayerNorm(at: .input)]),
                Scene(techniques: [L1(1e-4), LayerNorm(at: .before("relu1"))]),
            ], names: ["LayerNorm", "linear1.weight"]),
        DiagnosticCase(
            identifier: "labels-without-probabilities", technique: "flip",
            raised: [
                Scene(techniques: [
                    Editor(name: "flip", traits: [.editsLabels]),
                    Editor(name: "mix", traits: [.editsLabels, .givesProbabilities]),
                ])
            ],
            missed: [
                Scene(techniques: [
                    Editor(name: "flip", traits: [.editsLabels, .givesProbabilities]),
                    Editor(name: "mix", traits: [.editsLabels, .givesProbabilities]),
                ]),
                Scene(techniques: [Editor(name: "flip", traits: [.editsLabels])]),
            ], names: ["mix"]),
        DiagnosticCase(
            identifier: "two-averages", technique: "late",
            raised: [Scene(techniques: [Averager(name: "moving"), Averager(name: "late")])],
            missed: [Scene(techniques: [Averager(name: "late")])], names: ["moving"]),
        DiagnosticCase(
            identifier: "clip-before-addition", technique: "noise",
            raised: [
                Scene(techniques: [
                    Changer(name: "clip", traits: [.clipsGradients]),
                    Changer(name: "noise", traits: [.addsToGradients]),
                ])
            ],
            missed: [
                Scene(techniques: [
                    Changer(name: "noise", traits: [.addsToGradients]),
                    Changer(name: "clip", traits: [.clipsGradients]),
                ]),
                Scene(techniques: [
                    Changer(name: "clip", traits: [.clipsGradients]),
                    Changer(name: "noise", traits: [.addsToGradients], stage: .update),
                ]),
            ], names: ["clip"]),
        DiagnosticCase(
            identifier: "monitor-with-penalties", technique: "EarlyStopping",
            raised: [Scene(techniques: [L2(1e-4), EarlyStopping(patience: 2, monitor: "trainLoss")])],
            missed: [
                Scene(techniques: [L2(1e-4), EarlyStopping(patience: 2)]),
                Scene(techniques: [DecoupledDecay(0.1), EarlyStopping(patience: 2, monitor: "trainLoss")]),
            ], names: ["L2", "trainLoss"]),
        DiagnosticCase(
            identifier: "patience-longer-than-run", technique: "EarlyStopping",
            raised: [
                Scene(techniques: [EarlyStopping(patience: 10)]),
                Scene(techniques: [EarlyStopping(patience: 7, warmUp: 3)]),
            ],
            missed: [
                Scene(techniques: [EarlyStopping(patience: 9)]),
                Scene(techniques: [EarlyStopping(patience: 7, warmUp: 2)]),
            ], names: ["run of 10"]),
        DiagnosticCase(
            identifier: "no-effect", technique: "idle",
            raised: [
                Scene(optimizer: Adam(), techniques: [L1(0, named: "idle")]),
                Scene(optimizer: Adam(), techniques: [L2(0, named: "idle")]),
                Scene(optimizer: Adam(), techniques: [ElasticNet(0, named: "idle")]),
                Scene(techniques: [ProximalL1(0, named: "idle")]),
                Scene(techniques: [DecoupledDecay(0, named: "idle")]),
                Scene(techniques: [Dropout(0, named: "idle"), BatchNorm()]),
                Scene(techniques: [DataAugmentation(.featureJitter(1, probability: 0), named: "idle")]),
            ],
            missed: [
                Scene(techniques: [L1(1e-9)]), Scene(techniques: [L2(1e-9)]), Scene(techniques: [ElasticNet(1e-9)]),
                Scene(techniques: [ProximalL1(1e-9)]), Scene(techniques: [DecoupledDecay(1e-9)]),
                Scene(techniques: [Dropout(1e-3)]),
                Scene(techniques: [DataAugmentation(.featureJitter(1, probability: 0.1))]),
            ]),
    ]
}
