import Ballast
import BallastPlugins
import Foundation
import Testing

/// Hyper-parameters that make no sense stop the program with the value that was given.
struct HyperparameterTests {
    struct Mistake: Sendable, CustomTestStringConvertible {
        let says: String
        let make: @Sendable () -> Void
        var testDescription: String { says }

        init(_ says: String, _ make: @escaping @Sendable () -> Void) {
            self.says = says
            self.make = make
        }
    }

    static let mistakes: [Mistake] = [
        Mistake("L2: the strength must be in 0..<infinity but is -0.1") { _ = L2(-0.1) },
        Mistake("L2: the strength must be in 0..<infinity but is nan") { _ = L2(.nan) },
        Mistake("DecoupledDecay: the strength must be in 0..<infinity but is -2.0") { _ = DecoupledDecay(-2) },
        Mistake("Dropout: the probability must be in 0..<1 but is 1.0") { _ = Dropout(1) },
        Mistake("Dropout: the probability must be in 0..<1 but is -0.5") { _ = Dropout(-0.5) },
        Mistake("EarlyStopping: the patience must be at least 1 but is 0") { _ = EarlyStopping(patience: 0) },
        Mistake("SGD: the learning rate must be finite and not negative but is -0.1") { _ = SGD(learningRate: -0.1) },
        Mistake("SGD: momentum must be in 0..<1 but is 1.0") { _ = SGD(learningRate: 0.1, momentum: 1) },
        Mistake("SGD: Nesterov's form needs a momentum above 0") { _ = SGD(learningRate: 0.1, nesterov: true) },
        Mistake("Adam: betas must be in 0..<1 but are 0.9, -1.0") { _ = Adam(beta2: -1) },
        Mistake("RMSProp: alpha must be in 0..<1 but is 1.5") { _ = RMSProp(alpha: 1.5) },
        Mistake("Trainer: the batch size must be positive but is 0") {
            _ = Trainer(Linear(1), loss: .meanSquaredError, optimizer: Adam(), batchSize: 0)
        },
        Mistake("Linear: the number of outputs must be positive but is -3") { _ = Linear(-3) },
        Mistake("Conv2d: outputs 1, kernel 0, stride 1, dilation 1 and groups 1 must be positive") {
            _ = Conv2d(1, kernel: (3, 0))
        },
        Mistake("Conv2d: outputs 1, kernel 3, stride \(Int.max), dilation 1 and padding 0 must be at most 2147483647") {
            _ = Conv2d(1, kernel: 3, stride: .max)
        },
        Mistake("Conv1d: outputs 1, kernel 3, stride 1, dilation \(Int.max) and padding 0 must be at most 2147483647") {
            _ = Conv1d(1, kernel: 3, dilation: .max)
        },
        Mistake("MaxPool2d: kernel 3 and stride 3 must be positive, padding \(Int.max) at most half the kernel") {
            _ = MaxPool2d(3, padding: .max)
        },
        Mistake("AveragePool2d: kernel 3 and stride \(Int.max) must be at most 2147483647") {
            _ = AveragePool2d((2, 3), stride: (1, .max))
        },
        Mistake("everySteps must be positive") { _ = CheckpointPolicy(in: URL(filePath: "/"), everySteps: 0) },
        Mistake("Sequential: these names occur more than once: twin") {
            _ = Sequential {
                Linear(1).named("twin")
                Linear(1).named("twin")
            }
        },
    ]

    @Test(arguments: mistakes.indices)
    func `a value that makes no sense is named`(index: Int) async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            [index = index as Int] in
            HyperparameterTests.mistakes[index].make()
        }
        expect(text(result), holds: Self.mistakes[index].says)
    }
}
