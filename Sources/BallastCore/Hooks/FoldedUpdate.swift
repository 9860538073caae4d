internal import Tensors

/// How a gradient is made of its dense part g and the parameter w: scale · g + weightDecay · w + l1 · sgn(w).
///
/// The pass that updates the whole model computes it on the fly, by the same formula in the kernel.
struct FoldedGradient: Equatable {
    var scale: Float = 1
    var weightDecay: Float = 0
    var l1: Float = 0

    var isFinite: Bool { scale.isFinite && weightDecay.isFinite && l1.isFinite }

    mutating func multiply(by factor: Float) {
        scale *= factor
        weightDecay *= factor
        l1 *= factor
    }

    /// The gradient as a tensor.
    func value(_ dense: Tensor, _ parameter: Tensor) -> Tensor {
        var value = dense
        if scale != 1 { value *= scale }
        if weightDecay != 0 { value += parameter * weightDecay }
        if l1 != 0 { value += parameter.sign() * l1 }
        return value
    }
}

/// How an update is made of the optimizer's update u and the parameter w: v = scale · u + decoupledDecay · w, and after
/// a soft threshold t, with r = w + v, sgn(r) max(|r| − t, 0) − w.
///
/// The pass that updates the whole model computes it on the fly, by the same formula in the kernel.
struct FoldedUpdate: Equatable {
    var scale: Float = 1
    var decoupledDecay: Float = 0
    var softThreshold: Float = 0

    var isFinite: Bool { scale.isFinite && decoupledDecay.isFinite && softThreshold.isFinite }

    mutating func multiply(by factor: Float) {
        scale *= factor
        decoupledDecay *= factor
    }

    /// The update as a tensor.
    func value(_ dense: Tensor, _ parameter: Tensor) -> Tensor {
        var value = dense
        if scale != 1 { value *= scale }
        if decoupledDecay != 0 { value += parameter * decoupledDecay }
        guard softThreshold != 0 else { return value }
        let moved = parameter + value
        return moved.sign() * (moved.magnitude() - softThreshold).relu() - parameter
    }
}
