// Trains a classifier with three techniques: `swift run quick-train`.
import Ballast
import BallastDropout
import BallastEarlyStopping
import BallastL2

/// Points in two interleaved spirals, a class for each.
func spirals(_ count: Int, seed: UInt64) throws -> Dataset {
    let noise = RandomStream(seed: seed, purpose: "spirals").uniforms(2 * count)
    var points: [[Float]] = []
    var labels: [Int32] = []
    for index in 0..<count {
        let turn = Tensor([Float(index) / Float(count) * 6 + Float(index % 2) * .pi])
        let radius = Float(index) / Float(count)
        let (x, y) = (turn.cos().item * radius, turn.sin().item * radius)
        points.append([x + noise[2 * index] * 0.05, y + noise[2 * index + 1] * 0.05])
        labels.append(Int32(index % 2))
    }
    return try Dataset(inputs: points, labels: labels)
}

let model = Sequential {
    Linear(32); ReLU()
    Linear(32); ReLU()
    Linear(2)
}
let trainer = Trainer(
    model, loss: .crossEntropy, optimizer: SGD(learningRate: 0.3, momentum: 0.9), batchSize: 32
) {
    L2(1e-4)
    Dropout(0.1, at: .after("relu2"))
    EarlyStopping(patience: 20, monitor: "accuracy")
}

let (validation, train) = try spirals(600, seed: 1).split(0.25)
print(try trainer.plan(for: train, validation: validation, epochs: 100))
let run = try trainer.fit(train, validation: validation, epochs: 100, seed: 1)
print("ended: \(run.end?.description ?? "not yet"), after \(run.history.count) epochs")
print("accuracy on new points: \(try run.evaluate(spirals(400, seed: 2))["accuracy"] ?? .nan)")
