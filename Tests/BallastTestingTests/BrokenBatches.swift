import Ballast

/// Returns the first half of the samples.
struct HalfBatch: BatchWrapper {
    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        let half = 0..<max(batch.count / 2, 1)
        return Batch(input: batch.input.slice(axis: 0, half), target: batch.target.slice(axis: 0, half))
    }
}

/// Puts the inputs of a batch in another order, and leaves the targets where they are.
struct ShuffledInputs: BatchWrapper {
    func forwardWrapper(_ batch: Batch, in context: BatchContext) -> Batch {
        var batch = batch
        let order = Tensor(integers: context.random.permutation(batch.count))
        batch.input = batch.input.flattened(from: 1).gathered(rows: order).reshaped(to: batch.input.shape)
        return batch
    }
}
