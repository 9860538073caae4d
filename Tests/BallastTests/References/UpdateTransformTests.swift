import Ballast
import Tensors
import Testing

/// Transforms of updates: the optimizer goes on as if nothing had looked, or changed what it made.
@Suite struct UpdateTransformTests {
    private func parameters(_ techniques: [any Technique], _ optimizer: any Optimizer) throws -> [[Float]] {
        let stream = RandomStream(seed: 5, purpose: "data")
        let data = try Dataset(
            inputs: Column(floats: Tensor.normal([20, 3], from: stream).scalars, itemShape: [3]),
            targets: Column(floats: Tensor.normal([20, 1], from: stream.at(1)).scalars, itemShape: [1]))
        let model = Sequential {
            Linear(4)
            Tanh()
            Linear(1)
        }
        let trainer = Trainer(
            model, loss: .meanSquaredError, optimizer: optimizer, batchSize: 4, composition: Composition(techniques))
        return try trainer.fit(data, epochs: 2).variables.entries.map(\.value.scalars)
    }

    private static let optimizers: [any Optimizer] = [
        SGD(learningRate: 0.05, momentum: 0.9), Adam(learningRate: 0.01), RMSProp(learningRate: 0.01, momentum: 0.5),
    ]

    /// On even steps updates become zeros; on the others the optimizer's memory of the even ones shows.
    @Test(arguments: 0..<3, [[0], [3], [0, 1, 2, 3]])
    func `replacing updates without a look leaves the optimizer's memory as it is`(
        optimizer: Int, replaced: [Int]
    ) throws {
        let optimizer = Self.optimizers[optimizer]
        let blind = try parameters([Replacing(indices: replaced, looks: false)], optimizer)
        let looking = try parameters([Replacing(indices: replaced, looks: true)], optimizer)
        #expect(blind == looking)
        #expect(try blind != parameters([], optimizer))
    }

    @Test(arguments: 0..<3)
    func `scaled updates are the optimizer's times the scale`(optimizer: Int) throws {
        let optimizer = Self.optimizers[optimizer]
        let halves = try parameters([Scaling(factor: 0.5, worksOut: false)], optimizer)
        #expect(try halves == parameters([Scaling(factor: 0.5, worksOut: true)], optimizer))
        #expect(try parameters([Scaling(factor: 1, worksOut: false)], optimizer) == parameters([], optimizer))
        #expect(try halves != parameters([], optimizer))
    }
}

/// Makes the updates of some parameters zero on even steps.
private struct Replacing: GradientTransform {
    let indices: [Int]
    let looks: Bool

    var stage: GradientStage { .update }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        var updates = gradients
        if looks { for index in 0..<updates.count { precondition(updates[index].scalars.allSatisfy(\.isFinite)) } }
        guard context.step.isMultiple(of: 2) else { return updates }
        for index in indices { updates[index] = .zeros(updates.parameter(index).shape) }
        return updates
    }
}

/// Multiplies all updates, by the factor that is folded in or one by one.
private struct Scaling: GradientTransform {
    let factor: Float
    let worksOut: Bool

    var stage: GradientStage { .update }

    func gradientTransform(_ gradients: Gradients, in context: GradientContext) -> Gradients {
        var updates = gradients
        if worksOut {
            updates.transform { update, _ in update * factor }
        } else {
            updates.scale(by: factor)
        }
        return updates
    }
}
