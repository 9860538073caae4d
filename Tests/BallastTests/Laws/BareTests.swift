import Ballast
import Testing

/// With no technique, training is bit for bit the plain loop written by hand.
struct BareTests {
    static let optimizers: [any Optimizer] = [
        SGD(learningRate: 0.1), SGD(learningRate: 0.1, momentum: 0.9),
        SGD(learningRate: 0.1, momentum: 0.9, nesterov: true), Adam(learningRate: 0.01),
        RMSProp(learningRate: 0.01), RMSProp(learningRate: 0.01, momentum: 0.5),
    ]

    /// The loop: batches, gradients, updates, additions.
    private func loop(
        _ initial: Variables, _ data: Dataset, _ optimizer: any Optimizer, batchSize: Int, epochs: Int, seed: UInt64,
        _ loss: ([Tensor], Batch) -> Tensor
    ) -> (variables: Variables, losses: [Double]) {
        var values = initial.entries.map(\.value)
        var slots = values.map { value in optimizer.slots.map { _ in Tensor.zeros(value.shape) } }
        var losses: [Double] = []
        var index = 0
        for epoch in 0..<epochs {
            var sum = 0.0
            for batch in data.batches(ofSize: batchSize, seed: seed, epoch: epoch) {
                let (value, gradients) = valueWithGradients(at: values) { loss($0, batch) }
                let step = OptimizerStep(learningRate: optimizer.learningRate, index: index)
                for position in values.indices {
                    let update = optimizer.update(
                        gradients[position], of: values[position], slots: &slots[position], at: step)
                    values[position] = values[position] + update
                }
                sum += Double(value.item) * Double(batch.count)
                index += 1
            }
            losses.append(sum / Double(data.count))
        }
        var variables = initial
        for position in values.indices { variables.entries[position].value = values[position] }
        return (variables, losses)
    }

    @Test(arguments: optimizers.indices)
    func `a perceptron is trained to the bits of the loop by hand`(optimizer index: Int) throws {
        let optimizer = Self.optimizers[index]
        let data = try Problem.rows()
        let trainer = Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: optimizer, batchSize: 8)
        let run = try trainer.start(data, epochs: 3, seed: 11)
        let byHand = loop(run.variables, data, optimizer, batchSize: 8, epochs: 3, seed: 11) { p, batch in
            let first = linear(batch.input, p[0], p[1]).relu()
            let second = linear(first, p[2], p[3]).relu()
            return crossEntropy(linear(second, p[4], p[5]), batch.target)
        }
        try run.finish()
        #expect(run.stepCount == 21)
        #expect(differences(run.variables, byHand.variables) == [])
        #expect(run.history.map(\.trainLoss) == byHand.losses)
    }

    @Test(arguments: [1, 3])
    func `a convolutional net is trained to the bits of the loop by hand`(optimizer index: Int) throws {
        let optimizer = Self.optimizers[index]
        let data = try Problem.images()
        let trainer = Trainer(Problem.convolutional, loss: .crossEntropy, optimizer: optimizer, batchSize: 6)
        let run = try trainer.start(data, epochs: 2, seed: 4)
        let byHand = loop(run.variables, data, optimizer, batchSize: 6, epochs: 2, seed: 4) { p, batch in
            let image = maxPool2d(conv2d(batch.input, p[0], p[1], padding: (1, 1)).relu(), kernel: (2, 2))
            return crossEntropy(linear(image.flattened(from: 1), p[2], p[3]), batch.target)
        }
        try run.finish()
        #expect(differences(run.variables, byHand.variables) == [])
        #expect(run.history.map(\.trainLoss) == byHand.losses)
    }

    @Test func `a run driven step by step is the run that fit drives`() throws {
        let data = try Problem.rows()
        let trainer = Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: Adam(), batchSize: 8)
        let stepped = try trainer.start(data, epochs: 2, seed: 3)
        var count = 0
        while try stepped.step() { count += 1 }
        let fitted = try trainer.fit(data, epochs: 2, seed: 3)
        #expect(count == 13, "the last of 14 steps ends the run")
        #expect(differences(stepped.variables, fitted.variables) == [])
        #expect(account(stepped) == account(fitted))
    }

    @Test func `an optimizer without a kernel of its own is trained to the bits of the loop by hand`() throws {
        struct SignDescent: Optimizer {
            var learningRate: Float = 0.01
            var slots: [String] { ["count"] }
            func update(
                _ gradient: Tensor, of parameter: Tensor, slots: inout [Tensor], at step: OptimizerStep
            ) -> Tensor {
                slots[0] = slots[0] + 1
                return gradient.sign() * -step.learningRate / slots[0]
            }
        }
        let data = try Problem.rows()
        let trainer = Trainer(Sequential { Linear(3) }, loss: .crossEntropy, optimizer: SignDescent(), batchSize: 8)
        let run = try trainer.start(data, epochs: 2, seed: 11)
        let byHand = loop(run.variables, data, SignDescent(), batchSize: 8, epochs: 2, seed: 11) { p, batch in
            crossEntropy(linear(batch.input, p[0], p[1]), batch.target)
        }
        try run.finish()
        #expect(differences(run.variables, byHand.variables) == [])
    }
}
