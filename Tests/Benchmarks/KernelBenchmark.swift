import BenchmarkLimits
import CKernels
import Foundation
import Tensors

/// What the kernels achieve, beside the limits of the machine that were measured in the same run.
enum KernelBenchmark {
    /// The least time of a call, over repeats that take `seconds` in all.
    private static func bestTime(seconds: Double = 0.3, _ body: () -> Void) -> Double {
        body()
        var best = Double.infinity
        let end = ContinuousClock.now + .seconds(seconds)
        repeat {
            let start = ContinuousClock.now
            body()
            best = min(best, (ContinuousClock.now - start) / .seconds(1))
        } while ContinuousClock.now < end
        return best
    }

    private static func line(_ name: String, _ value: Double, _ unit: String, limit: Double) {
        let text = name.padding(toLength: 44, withPad: " ", startingAt: 0)
        print(text + String(format: "%8.1f %@  %3.0f %% of %.0f", value, unit, value / limit * 100, limit))
    }

    static func run() {
        print("\(Kernels.threadCount) threads, \(Kernels.instructionSet)")
        products()
        memory()
    }

    private static func products() {
        let threads = Kernels.threadCount
        var sink = [Float](repeating: 0, count: threads * 16)
        let rounds = 2_000_000
        var operations = 0.0
        let time = sink.withUnsafeMutableBufferPointer { sink in
            nonisolated(unsafe) let base = sink.baseAddress
            return bestTime {
                parallelFor(count: threads, grain: 1) { range in
                    for index in range { if let base { _ = limits_multiply_add(rounds, base + index * 16) } }
                }
                var last: Float = 0
                operations = limits_multiply_add(1, &last) * Double(rounds) * Double(threads)
            }
        }
        let peak = operations / time / 1e9
        print(
            "multiply-add in registers (\(String(cString: limits_vectors()))): \(String(format: "%.0f", peak)) GFLOP/s")
        let shapes = [
            (128, 256, 784), (784, 256, 128), (128, 128, 256), (256, 128, 128), (128, 784, 256), (128, 10, 128),
            (2048, 768, 256), (256, 768, 2048), (2048, 1024, 256), (2048, 256, 1024), (128, 128, 3136),
            (1024, 1024, 1024),
        ]
        for (m, n, k) in shapes {
            let a = Tensor.normal([m * k], from: RandomStream(seed: 1, purpose: "a"))
            let b = Tensor.normal([k * n], from: RandomStream(seed: 1, purpose: "b"))
            let c = Tensor.zeros([m * n])
            for (name, first, second) in [("NN", false, false), ("TN", true, false), ("NT", false, true)] {
                let time = bestTime(seconds: 0.1) {
                    ballast_gemm(
                        first, second, m, n, k, 1, a.storage.floats, b.storage.floats, nil, false, false,
                        c.storage.floats)
                }
                line(
                    "product \(name) [\(m), \(k)] x [\(k), \(n)]", 2e-9 * Double(m * n * k) / time, "GFLOP/s",
                    limit: peak)
            }
        }
    }

    private static func memory() {
        let count = 1 << 25
        let x = Tensor.normal([count], from: RandomStream(seed: 1, purpose: "x"))
        let y = Tensor.ones([count])
        let z = Tensor.zeros([count])
        let bytes = Double(count) * 4 * 1e-9
        let chunk = count / 64
        let copy = bestTime {
            nonisolated(unsafe) let (from, to) = (x.storage.floats, z.storage.floats)
            parallelFor(count: 64, grain: 1) { range in
                for index in range { memcpy(to + index * chunk, from + index * chunk, chunk * 4) }
            }
        }
        let limit = 2 * bytes / copy
        print("memcpy of \(count >> 18) MB: \(String(format: "%.1f", limit)) GB/s read and written")
        func report(_ name: String, arrays: Double, _ body: () -> Void) {
            line(name, arrays * bytes / bestTime(body), "GB/s", limit: limit)
        }
        report("relu", arrays: 2) { ballast_unary(ballast_relu, count, x.storage.floats, 0, z.storage.floats) }
        report("add", arrays: 3) {
            withUnsafePointer(to: count) { size in
                withUnsafePointer(to: 1) { stride in
                    ballast_binary(
                        ballast_add, 1, size, stride, x.storage.floats, stride, y.storage.floats, z.storage.floats)
                }
            }
        }
        report("sum of squares", arrays: 1) {
            withUnsafePointer(to: count) {
                ballast_reduce(ballast_sum_of_squares, 1, $0, 1, x.storage.floats, 1, false, z.storage.floats)
            }
        }
        let mask = Storage(byteCount: count / 8)
        report("dropout", arrays: 2) {
            ballast_dropout(
                count, 1, x.storage.floats, ballast_stream(key: 1, index: 2), 1 << 15, 2,
                mask.bytes.assumingMemoryBound(to: UInt8.self), z.storage.floats)
        }
        report("dropout, gradient", arrays: 2) {
            ballast_dropout_gradient(
                count, 1, x.storage.floats, mask.bytes.assumingMemoryBound(to: UInt8.self), 2, false, z.storage.floats)
        }
        norm(
            "layer norm",
            ballast_norm_shape(outer: 1, groups: count / 256, inner: 256, affine_groups: 1, affine_inner: 1))
        norm(
            "batch norm of images",
            ballast_norm_shape(outer: count >> 16, groups: 64, inner: 1024, affine_groups: 64, affine_inner: 1024))

        /// The passes of a normalization: moments, values, and gradients, which take the sums and then the values.
        func norm(_ name: String, _ shape: ballast_norm_shape) {
            var shape = shape
            let mean = Tensor.zeros([shape.groups])
            let inverse = Tensor.ones([shape.groups])
            report("\(name), moments", arrays: 1) {
                ballast_moments(&shape, x.storage.floats, mean.storage.floats, inverse.storage.floats)
            }
            report("\(name), values", arrays: 2) {
                ballast_normalize(
                    &shape, x.storage.floats, mean.storage.floats, inverse.storage.floats, nil, nil, z.storage.floats)
            }
            // Short groups stay in the caches between the two passes of the gradient, long ones are read twice.
            report("\(name), gradient", arrays: shape.outer == 1 ? 3 : 5) {
                ballast_normalize_gradient(
                    &shape, true, false, x.storage.floats, mean.storage.floats, inverse.storage.floats, nil,
                    y.storage.floats, z.storage.floats, false, nil, false, nil, false)
            }
        }
        let quarter = count / 4
        let (first, second) = (Tensor.zeros([quarter]), Tensor.ones([quarter]))
        var segment = ballast_segment(
            parameter: y.storage.floats, gradient: UnsafePointer(x.storage.floats), update: nil,
            first: first.storage.floats, second: second.storage.floats, count: quarter, gradient_scale: 1,
            weight_decay: 0,
            l1: 0, decoupled_decay: 0, soft_threshold: 0)
        report("SGD with momentum", arrays: 5.0 / 4) { ballast_sgd(1, &segment, 1e-3, 0.9, 0, false, false) }
        report("Adam", arrays: 7.0 / 4) { ballast_adam(1, &segment, 1e-3, 0.9, 0.999, 1e-8, 1, 1) }
    }
}
