internal import CKernels
public import Tensors

/// An optimizer whose update of an element depends on nothing but that element, so that one pass over the whole model
/// computes and applies all updates.
///
/// ```swift
/// struct SignDescent: ElementwiseOptimizer {
///     var learningRate: Float = 1e-3
///     func update(_ block: OptimizerBlock, at step: OptimizerStep) {
///         for i in 0..<block.count { block.values[i] = block.values[i] < 0 ? step.learningRate : -step.learningRate }
///     }
/// }
/// ```
public protocol ElementwiseOptimizer: Optimizer {
    /// Replaces gradients by updates.
    ///
    /// Blocks are updated in any order and on any thread, so the function must be one of its arguments alone.
    ///
    /// - Parameters:
    ///   - block: some elements of a parameter.
    ///   - step: when the update is made, and at which learning rate.
    func update(_ block: OptimizerBlock, at step: OptimizerStep)
}

/// Some elements of a parameter, for an ``ElementwiseOptimizer``. The memory is valid during the call.
public struct OptimizerBlock {
    /// The number of elements.
    public let count: Int
    /// The gradients, to be replaced by what is to be added to the parameters.
    public let values: UnsafeMutablePointer<Float>
    /// The parameters before the update.
    public let parameters: UnsafePointer<Float>
    /// The optimizer's memory of these elements, in the order of ``Optimizer/slots``.
    public let slots: [UnsafeMutablePointer<Float>]
}

extension ElementwiseOptimizer {
    /// Returns what is to be added to a parameter.
    public func update(
        _ gradient: Tensor, of parameter: Tensor, slots: inout [Tensor], at step: OptimizerStep
    ) -> Tensor {
        var update = gradient.detached
        update.makeUnique()
        for index in slots.indices { slots[index].makeUnique() }
        withExtendedLifetime((parameter, slots)) {
            self.update(
                OptimizerBlock(
                    count: update.elementCount, values: update.storage.floats,
                    parameters: UnsafePointer(parameter.storage.floats), slots: slots.map { $0.storage.floats }),
                at: step)
        }
        return update
    }

    /// Updates all segments in blocks that fit into a core's cache.
    func update(_ segments: UnsafeMutableBufferPointer<ballast_segment>, at step: OptimizerStep) {
        let size = 4096
        var blocks: [(segment: Int, start: Int)] = []
        for (index, segment) in segments.enumerated() {
            blocks += stride(from: 0, to: segment.count, by: size).map { (index, $0) }
        }
        nonisolated(unsafe) let all = segments  // each call writes its own elements
        let work = blocks
        parallelFor(count: work.count) { range in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: size) { values in
                guard let values = values.baseAddress else { return }
                for (index, start) in work[range] {
                    all[index].update(from: start, count: min(size, all[index].count - start), values) { block in
                        update(block, at: step)
                    }
                }
            }
        }
    }
}

extension ballast_segment {
    /// Updates some elements: the gradient with all that is folded in, the optimizer, and what is folded into the update.
    fileprivate func update(
        from start: Int, count: Int, _ values: UnsafeMutablePointer<Float>, by optimizer: (OptimizerBlock) -> Void
    ) {
        let (parameters, gradients) = (parameter + start, gradient + start)
        for i in 0..<count {
            let w = parameters[i]
            values[i] = gradients[i] * gradient_scale + w * weight_decay + (l1 == 0 ? 0 : w.signOrZero * l1)
        }
        optimizer(
            OptimizerBlock(
                count: count, values: values, parameters: UnsafePointer(parameters),
                slots: [first, second].compactMap { $0.map { $0 + start } }))
        if let update {
            (update + start).update(from: values, count: count)
            return
        }
        for i in 0..<count {
            let result = parameters[i] + (parameters[i] * decoupled_decay + values[i])
            parameters[i] = soft_threshold > 0 ? result.signOrZero * max(result.magnitude - soft_threshold, 0) : result
        }
    }
}

extension Float {
    fileprivate var signOrZero: Float { self > 0 ? 1 : self < 0 ? -1 : 0 }
}
