import Ballast
import BallastPlugins
import Foundation
import Testing

/// The same bits come out whatever the number of threads. In processes of their own, so that the threads are theirs.
struct ThreadTests {
    @Test func `a perceptron that keeps several threads busy trains to the same bits on one`() async {
        await #expect(processExitsWith: .success) {
            let data = try Problem.rows(700, features: 200, classes: 10)
            let model = Sequential {
                Linear(256)
                ReLU()
                Linear(128)
                Tanh()
                Linear(10)
            }
            let trainer = Trainer(
                model, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3), batchSize: 128,
                silencing: ["adaptive-l2"]
            ) {
                L2(1e-3)
                DecoupledDecay(1e-2)
                Dropout(0.3)
            }
            try requireSameBits { try trainer.fit(data, validation: data.prefix(300), epochs: 1, seed: 2) }
        }
    }

    @Test func `a convolutional net that keeps several threads busy trains to the same bits on one`() async {
        await #expect(processExitsWith: .success) {
            let data = try Problem.images(80, side: 28, classes: 3)
            let model = Sequential {
                Conv2d(16, kernel: 5, padding: 2)
                ReLU()
                MaxPool2d(2)
                Conv2d(32, kernel: 3)
                GELU()
                AveragePool2d(2)
                Flatten()
                Linear(64)
                ReLU()
                Linear(3)
            }
            let trainer = Trainer(
                model, loss: .crossEntropy, optimizer: SGD(learningRate: 0.05, momentum: 0.9), batchSize: 32
            ) { Dropout(0.25, at: .after("maxPool1"), per: .channel) }
            try requireSameBits { try trainer.fit(data, validation: data, epochs: 2, seed: 2) }
        }
    }
}

/// Trains on one thread, two and three, and throws where the runs differ.
private func requireSameBits(_ train: () throws -> Run) throws {
    Kernels.threadCount = 1
    let alone = try train()
    for count in [2, 3] {
        Kernels.threadCount = count
        let together = try train()
        let wrong = differences(together.variables, alone.variables)
        try ensure(wrong.isEmpty, "\(count) threads: \(wrong.joined(separator: "; "))")
        try ensure(
            account(together) == account(alone), "\(count) threads: \(account(together)), expected \(account(alone))")
    }
}
