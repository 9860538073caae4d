import Ballast
import Testing

/// Batches of every size, the last short one and a batch of one included.
struct BatchTests {
    @Test(arguments: [1, 2, 7, 26, 52, 53, 54, 1000])
    func `every sample is trained on once in an epoch, whatever the size of a batch`(size: Int) throws {
        let data = try Problem.rows()
        let log = Log()
        let probe = BatchProbe(
            name: "look",
            batch: { batch, _, _ in
                log.add(batch.samples.map(String.init).joined(separator: " "))
                return batch
            })
        let run = try Trainer(
            Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0.01), batchSize: size
        ) { probe }.fit(data, validation: data.prefix(1), epochs: 1)
        let batches = log.all.map { $0.split(separator: " ").compactMap { Int($0) } }
        #expect(batches.flatMap { $0 }.sorted() == Array(0..<53))
        #expect(batches.dropLast().allSatisfy { $0.count == size })
        #expect(batches.count == (52 + size) / size)
        #expect(run.history[0].steps == batches.count && run.history[0].samples == 53)
        // The loop by hand over the same batches, whose gradients are means over the batch.
        let start = try Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0)).start(
            data, epochs: 0)
        var values = start.variables.entries.map(\.value)
        var sum = 0.0
        for samples in batches {
            let batch = try #require(Array(data.subset(samples).batches(ofSize: size)).first)
            let (loss, gradients) = valueWithGradients(at: values) { p in
                let hidden = linear(linear(batch.input, p[0], p[1]).relu(), p[2], p[3]).relu()
                return crossEntropy(linear(hidden, p[4], p[5]), batch.target)
            }
            values = zip(values, gradients).map { $0 - $1 * 0.01 }
            sum += Double(loss.item) * Double(batch.count)
        }
        #expect(abs(run.history[0].trainLoss - sum / 53) < 1e-6)
        for (entry, value) in zip(run.variables.entries, values) {
            #expect(zip(entry.value.scalars, value.scalars).allSatisfy { abs($0 - $1) < 1e-6 }, "\(entry.path)")
        }
    }

    @Test(arguments: [1, 5, 37])
    func `a convolutional net takes batches of every size`(size: Int) throws {
        let data = try Problem.images()
        let run = try Trainer(
            Problem.convolutional, loss: .crossEntropy, optimizer: Adam(), batchSize: size
        ).fit(data, epochs: 1)
        #expect(run.stepCount == (36 + size) / size)
        // The same samples in one batch after the other, without an update: the loss does not depend on the size.
        let still = try Trainer(
            Problem.convolutional, loss: .crossEntropy, optimizer: SGD(learningRate: 0), batchSize: size
        ).fit(data, epochs: 1)
        #expect(abs(still.history[0].trainLoss - (try still.evaluate(data).loss)) < 1e-6)
        #expect(try run.evaluate(data).loss < still.evaluate(data).loss)
    }

    @Test func `the loss of an epoch is the mean over samples, not over batches`() throws {
        let data = try Problem.rows(9)
        func loss(_ size: Int) throws -> Double {
            try Trainer(Problem.perceptron, loss: .crossEntropy, optimizer: SGD(learningRate: 0), batchSize: size)
                .fit(data, epochs: 1).history[0].trainLoss
        }
        let whole = try loss(9)
        for size in [1, 2, 4, 8] { #expect(abs(try loss(size) - whole) < 1e-6, "batches of \(size)") }
    }

    @Test func `the order of an epoch is that of batches(ofSize:seed:epoch:), and another one in each epoch`() throws {
        let data = try Problem.rows().subset([3, 40, 7, 12, 52])
        let orders = (0..<2).map { epoch in data.batches(ofSize: 2, seed: 9, epoch: epoch).map { Array($0.samples) } }
        #expect(
            orders.allSatisfy { $0.map(\.count) == [2, 2, 1] && $0.flatMap { $0 }.sorted() == [3, 7, 12, 40, 52] })
        #expect(orders[0] != orders[1])
        #expect(data.batches(ofSize: 2).map { Array($0.samples) } == [[3, 40], [7, 12], [52]])
    }

    @Test func `a subset knows the labels that are in it`() throws {
        let data = try Dataset(inputs: [[1], [2], [3], [4]], labels: [0, 7, 1, 1])
        let trainer = Trainer(Sequential { Linear(2) }, loss: .crossEntropy, optimizer: Adam())
        #expect(try trainer.fit(data.subset([0, 2, 3]), epochs: 1).history.count == 1)
        #expect(throws: DataError.self) { try trainer.fit(data, epochs: 1) }
    }
}
