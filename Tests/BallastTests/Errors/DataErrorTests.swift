import Ballast
import Foundation
import Testing

/// Data that cannot be used is refused before the first step, with what, where and the cure.
struct DataErrorTests {
    private let classifier = Trainer(
        Sequential {
            Linear(4)
            ReLU()
            Linear(3)
        }, loss: .crossEntropy, optimizer: Adam(), batchSize: 8)
    private let regressor = Trainer(
        Sequential { Linear(2) }, loss: .meanSquaredError, optimizer: Adam(), batchSize: 8)

    @Test func `a label that is out of range is named with its sample, in every data set`() throws {
        let good = try Dataset(inputs: [[1], [2], [3]], labels: [0, 1, 2])
        let bad = try Dataset(inputs: [[1], [2], [3]], labels: [0, 3, 2])
        let training = message(of: DataError.self) { _ = try classifier.fit(bad, epochs: 1) }
        expect(training, holds: "label 3 of sample 1 of the training data", "3 classes", "0..<3")
        let validation = message(of: DataError.self) { _ = try classifier.fit(good, validation: bad, epochs: 1) }
        expect(validation, holds: "label 3 of sample 1 of the validation data")
        let test = message(of: DataError.self) {
            _ = try Comparison(classifier, [("none", Composition())]).run(
                train: good, test: bad, epochs: 1, observer: { _, _, event in Issue.record("trained before: \(event)") }
            )
        }
        expect(test, holds: "label 3 of sample 1 of the test data")
        let evaluated = message(of: DataError.self) { _ = try classifier.start(good, epochs: 1).evaluate(bad) }
        expect(evaluated, holds: "label 3 of sample 1 of the evaluated data")
        let negative = message(of: DataError.self) { _ = try Dataset(inputs: [[1], [2]], labels: [0, -2]) }
        expect(negative, holds: "label -2 of sample 1 is negative", "count from 0")
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity])
    func `a number that is not finite is named with its place`(value: Float) throws {
        let inputs = message(of: DataError.self) {
            _ = try Dataset(inputs: [[1, 2, 3], [4, 5, value]], targets: [[1], [2]])
        }
        expect(inputs, holds: "sample 1 holds \(value) at element 2")
        let targets = message(of: DataError.self) { _ = try Dataset(inputs: [[1], [2]], targets: [[value], [2]]) }
        expect(targets, holds: "sample 0 holds \(value) at element 0")
        let column = message(of: DataError.self) {
            _ = try Column(floats: [1, 2, 3, 4, 5, 6, value, 8], itemShape: [2, 2])
        }
        expect(column, holds: "sample 1 holds \(value) at element 2")
    }

    @Test func `columns that do not fit together are refused`() throws {
        expect(
            message(of: DataError.self) { _ = try Dataset(inputs: [[1], [2], [3]], labels: [0, 1]) },
            holds: "3 inputs but 2 targets")
        expect(
            message(of: DataError.self) { _ = try Dataset(inputs: [[1, 2], [2]], labels: [0, 1]) },
            holds: "input 1 has 1 values, the first has 2")
        expect(
            message(of: DataError.self) { _ = try Dataset(inputs: [[1], [2]], targets: [[1], [2, 3]]) },
            holds: "target 1 has 2 values, the first has 1")
        expect(
            message(of: DataError.self) { _ = try Column(bytes: [1, 2, 3, 4, 5], itemShape: [2, 2]) },
            holds: "5 elements", "[2, 2]")
        expect(
            message(of: DataError.self) { _ = try Column(integers: [1], itemShape: [0]) }, holds: "1 elements", "[0]")
    }

    @Test func `targets that do not fit the model or the loss are refused`() throws {
        let wide = try Dataset(inputs: [[1], [2]], targets: [[1, 2, 3], [4, 5, 6]])
        expect(
            message(of: DataError.self) { _ = try regressor.fit(wide, epochs: 1) },
            holds: "a target of the training data has shape [3]", "output is [2]")
        let labels = try Dataset(inputs: [[1], [2]], labels: [0, 1])
        expect(
            message(of: DataError.self) { _ = try regressor.fit(labels, epochs: 1) },
            holds: "the training targets are integers", "mean squared error")
        let soft = try Dataset(inputs: [[1], [2]], targets: [[0.5, 0.5], [1, 0]])
        expect(
            message(of: DataError.self) { _ = try classifier.fit(soft, epochs: 1) },
            holds: "has shape [2]", "output is [3]")
        let several = try Dataset(
            inputs: Column(floats: [1, 2], itemShape: [1]), targets: Column(integers: [0, 1, 1, 0], itemShape: [2]))
        expect(
            message(of: DataError.self) { _ = try classifier.fit(several, epochs: 1) },
            holds: "has shape [2]", "one label for each of []")
    }

    @Test func `data sets without samples are refused`() throws {
        let data = try Dataset(inputs: [[1], [2]], labels: [0, 1])
        let empty = data.prefix(0)
        #expect(empty.count == 0)
        expect(
            message(of: DataError.self) { _ = try classifier.fit(empty, epochs: 1) },
            holds: "the training data has no samples")
        expect(
            message(of: DataError.self) { _ = try classifier.fit(data, validation: empty, epochs: 1) },
            holds: "the validation data has no samples")
        expect(
            message(of: DataError.self) { _ = try classifier.fit(data, epochs: 1).evaluate(empty) },
            holds: "the evaluated data has no samples")
        expect(message(of: DataError.self) { _ = try classifier.plan(for: empty) }, holds: "no samples")
        #expect(try Dataset(inputs: [], labels: []).count == 0)
        #expect(Array(empty.batches(ofSize: 3)).isEmpty)
    }

    @Test func `inputs of another shape or type than those trained on are refused`() throws {
        let run = try classifier.fit(Dataset(inputs: [[1, 2], [2, 3]], labels: [0, 1]), epochs: 1)
        for input in [Tensor.zeros([5, 3]), .zeros([2]), .zeros([1, 2, 1]), .zeros([])] {
            expect(
                message(of: DataError.self) { _ = try run.predict(input) },
                holds: "floats of shape [batch] + [2]", "floats of shape \(input.shape)")
        }
        expect(
            message(of: DataError.self) { _ = try run.predict(Tensor(integers: [1, 2], shape: [1, 2])) },
            holds: "the input is integers of shape [1, 2]")
        let other = try Dataset(inputs: [[1, 2, 3]], labels: [0])
        expect(message(of: DataError.self) { _ = try run.evaluate(other) }, holds: "[batch] + [2]", "[1, 3]")
        expect(
            message(of: DataError.self) {
                _ = try classifier.fit(Dataset(inputs: [[1, 2]], labels: [0]), validation: other, epochs: 1)
            }, holds: "[batch] + [2]", "[1, 3]")
        #expect(try run.predict(.zeros([0, 2])).shape == [0, 3], "an empty batch is a batch")
    }

    @Test func `a number of epochs below zero is refused, and zero epochs are a run that has ended`() throws {
        let data = try Dataset(inputs: [[1], [2]], labels: [0, 1])
        expect(
            message(of: TrainingError.self) { _ = try classifier.fit(data, epochs: -1) },
            holds: "must not be negative but is -1")
        let run = try classifier.fit(data, epochs: 0)
        #expect(run.history.isEmpty && run.isFinished && run.stepCount == 0)
        #expect(try !run.step())
    }

    @Test func `shapes that do not fit inside a model stop with the operation, the shapes and the layer`() async throws
    {
        struct Mistaken: Layer {
            func forward(_ x: Tensor, in scope: Scope) -> Tensor {
                matmul(x, scope.parameter("weight", [7, 2], initial: .zeros))
            }
        }
        let inside = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let model = Sequential {
                Linear(4)
                Sequential {
                    ReLU()
                    Mistaken()
                }.named("head")
            }
            _ = try Trainer(model, loss: .crossEntropy, optimizer: Adam()).fit(Problem.rows(), epochs: 1)
        }
        expect(text(inside), holds: "matmul: ", "[32, 4]", "[7, 2]", "(in \"head.mistaken1\")")
        let flat = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = try Trainer(Problem.convolutional, loss: .crossEntropy, optimizer: Adam()).fit(
                Problem.rows(), epochs: 1)
        }
        expect(text(flat), holds: "conv", "[32, 10]", "(in \"conv1\")")
    }
}

/// What a process wrote to its standard error.
func text(_ result: ExitTest.Result?) -> String {
    String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
}
