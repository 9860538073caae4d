import Ballast

/// The files of a new package.
extension Scaffold {
    var manifest: String {
        """
        // swift-tools-version:6.2
        import PackageDescription

        let ballast = \(ballastPath.debugDescription)

        let package = Package(
            name: "\(name)",
            platforms: [.macOS(.v15)],
            products: [.library(name: "Ballast\(name)", targets: ["Ballast\(name)"])],
            dependencies: [.package(name: "Ballast", path: ballast)],
            targets: [
                .target(
                    name: "Ballast\(name)", dependencies: [.product(name: "Ballast", package: "Ballast")], path: "Sources"),
                .testTarget(
                    name: "Ballast\(name)Tests",
                    dependencies: ["Ballast\(name)", .product(name: "BallastTesting", package: "Ballast")], path: "Tests"),
                .executableTarget(
                    name: "sample", dependencies: ["Ballast\(name)", .product(name: "Ballast", package: "Ballast")],
                    path: "Sample"),
            ],
            swiftLanguageModes: [.v6]
        )

        """
    }

    var source: String {
        """
        public import Ballast

        /// \(Self.summaries[form] ?? "") (replace this with your own).
        ///
        /// - State: \(form == .epochCallback ? "the best loss so far; saved with the run" : "none"). Order: say whether it matters.
        /// - Source: the paper.
        public struct \(name): \(protocolName) {
            /// The instance's name, which keys its state and random numbers.
            public let name: String
            /// \(parameterText)
            public let \(parameter): Float
        \(properties)
            /// Creates the technique.
            public init(_ \(parameter): Float = \(standard), named name: String = "\(name)") {
                require(\(parameter) >= 0 && \(parameter).isFinite, "\(name): \(parameter) must not be negative but is \\(\(parameter))")
                self.\(parameter) = \(parameter)
                self.name = name
            }

        \(method)
        }

        """
    }

    var test: String {
        """
        import Ballast
        import Ballast\(name)
        import BallastTesting
        import Testing

        struct \(name)Tests {
            @Test func `keeps the laws of every technique`() {
                let violations = Laws.check(
                    \(name)(), neutral: \(name)(\(neutral)), renamed: { \(name)(named: $0) }\(form == .lossPenalty ? ", degree: 2" : ""))
                #expect(violations.isEmpty, "\\(violations)")
            }
        }

        """
    }

    var sample: String {
        """
        import Ballast
        import Ballast\(name)

        @main
        struct Sample {
            static func main() throws {
                // Points in a square, in two classes: inside and outside a circle.
                let count = 600
                let values = RandomStream(seed: 1, purpose: "points").uniforms(2 * count).map { 2 * $0 - 1 }
                let labels = (0..<count).map { point -> Int32 in
                    let (x, y) = (values[2 * point], values[2 * point + 1])
                    return x * x + y * y < 0.6 ? 1 : 0
                }
                let points = try Dataset(
                    inputs: Column(floats: values, itemShape: [2]), targets: Column(integers: labels))
                let (train, validation) = points.split(0.5)
                let model = Sequential {
                    Linear(32); ReLU()
                    Linear(2)
                }
                let bare = Trainer(model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-2))
                let trainer = bare.composing(Composition { \(name)() })
                print(try trainer.plan(for: train, validation: validation))
                for (name, trainer) in [("without", bare), ("with \(name)", trainer)] {
                    let run = try trainer.fit(train, validation: validation, epochs: 10, seed: 1)
                    print("\\n\\(name)\\n\\(run.report)")
                }
            }
        }

        """
    }

    var guide: String {
        """
        # \(name)

        What it does, and when to use it.

        **Formula** - with the paper's symbols.

        ```swift
        let trainer = Trainer(model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3)) {
            \(name)(\(standard))
        }
        ```

        | parameter | meaning | default |
        |---|---|---|
        | `\(parameter)` | \(parameterText) | \(standard) |
        | `named` | the instance's name; two in one composition need different ones | `"\(name)"` |

        **Hook and order** - `\(form.hook.rawValue)`; where in the list it belongs.
        **Cost** - `Laws.costs(of: \(name)())` measures it.
        **Comparison** - what PyTorch, Keras and optax call it.
        **Source** - the paper.

        `swift test` checks the laws that every technique keeps; `swift run sample` trains with and without it.

        """
    }

    private static let summaries: [TechniqueForm: String] = [
        .lossPenalty: "Adds λ Σ w² to the loss",
        .gradientTransform: "Adds λ w to the gradients of the weights",
        .forwardWrapper: "Adds Gaussian noise to the output of activation functions during training",
        .batchWrapper: "Adds Gaussian noise to the inputs of each batch",
        .epochCallback: "Scales the learning rate whenever the validation loss is no better than the best so far",
    ]

    private var protocolName: String {
        switch form {
        case .lossPenalty: "LossPenalty"
        case .gradientTransform: "GradientTransform"
        case .forwardWrapper: "LayerWrapper"
        case .batchWrapper: "BatchWrapper"
        case .epochCallback: "EpochCallback"
        }
    }

    private var parameter: String {
        switch form {
        case .lossPenalty, .gradientTransform: "strength"
        case .forwardWrapper, .batchWrapper: "deviation"
        case .epochCallback: "factor"
        }
    }

    private var parameterText: String {
        switch form {
        case .lossPenalty, .gradientTransform: "λ, not negative."
        case .forwardWrapper, .batchWrapper: "The noise's standard deviation, not negative."
        case .epochCallback: "What the learning rate is multiplied by; 1 leaves it unchanged."
        }
    }

    private var standard: String { form == .epochCallback ? "0.5" : parameter == "deviation" ? "0.1" : "0.001" }
    private var neutral: String { form == .epochCallback ? "1" : "0" }

    private var properties: String {
        switch form {
        case .lossPenalty, .batchWrapper, .epochCallback: ""
        case .gradientTransform:
            "    /// The parameters it acts on.\n    public var parameters: ParameterSelector { .weights }\n"
        case .forwardWrapper:
            "    /// Where it acts.\n    public var sites: [Site] { [.after(.activations)] }\n"
        }
    }

    private var method: String {
        let lines =
            switch form {
            case .lossPenalty:
                """
                /// Returns the term to add.
                public func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
                    parameters.sumOfSquares(scale: strength)
                }
                """
            case .gradientTransform:
                """
                /// Returns the changed gradients.
                public func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
                    var gradients = gradients
                    gradients.addParameters(times: strength)
                    return gradients
                }
                """
            case .forwardWrapper:
                """
                /// Returns the noisy output.
                public func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor {
                    let x = call.next()
                    guard context.isTraining, deviation > 0 else { return x }
                    return x + .normal(x.shape, deviation: deviation, from: context.random)
                }
                """
            case .batchWrapper:
                """
                /// Returns the batch with noise, in which each sample has its own.
                public func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
                    guard deviation > 0 else { return batch }
                    let shape = Shape(batch.input.shape.dropFirst())
                    let noise = batch.samples.map { sample in
                        Tensor.normal(shape, deviation: deviation, from: context.random(sample: sample))
                    }
                    var noisy = batch
                    noisy.input = batch.input + stacked(noise)
                    return noisy
                }
                """
            case .epochCallback:
                """
                /// Decides how training continues.
                public func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision {
                    let best = context.scope.number("best", initial: .infinity)
                    let loss = epoch.validationLoss ?? epoch.trainLoss
                    guard loss >= best.value else {
                        best.value = loss
                        return .continue
                    }
                    return .scaleLearningRate(by: factor)
                }
                """
            }
        return lines.split(separator: "\n", omittingEmptySubsequences: false).map { "    " + $0 }.joined(
            separator: "\n")
    }
}
