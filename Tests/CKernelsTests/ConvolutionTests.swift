import CKernels
import Testing

/// A convolution with its data, and what plain loops in double precision make of it.
private struct Convolution: CustomStringConvertible {
    var shape: ballast_conv2d_shape

    init(
        batch: Int = 2, channels: Int = 3, height: Int = 9, width: Int = 11, outputs: Int = 4,
        kernel: (Int, Int) = (3, 3),
        stride: (Int, Int) = (1, 1), padding: (Int, Int) = (1, 1), dilation: (Int, Int) = (1, 1), groups: Int = 1
    ) {
        shape = ballast_conv2d_shape(
            batch: batch, channels: channels, height: height, width: width, outputs: outputs, kernel_height: kernel.0,
            kernel_width: kernel.1, stride_height: stride.0, stride_width: stride.1, padding_height: padding.0,
            padding_width: padding.1, dilation_height: dilation.0, dilation_width: dilation.1, groups: groups,
            output_height: (height + 2 * padding.0 - dilation.0 * (kernel.0 - 1) - 1) / stride.0 + 1,
            output_width: (width + 2 * padding.1 - dilation.1 * (kernel.1 - 1) - 1) / stride.1 + 1)
    }

    var description: String {
        "\(shape.batch)x\(shape.channels)x\(shape.height)x\(shape.width) -> \(shape.outputs), kernel \(shape.kernel_height)x\(shape.kernel_width), "
            + "stride \(shape.stride_height),\(shape.stride_width) padding \(shape.padding_height),\(shape.padding_width) "
            + "dilation \(shape.dilation_height),\(shape.dilation_width) groups \(shape.groups)"
    }

    var x: [Float] { samples(shape.batch * shape.channels * shape.height * shape.width, seed: 11) }
    var weight: [Float] {
        samples(shape.outputs * shape.channels / shape.groups * shape.kernel_height * shape.kernel_width, seed: 12)
    }
    var bias: [Float] { samples(shape.outputs, seed: 13) }
    var dy: [Float] { samples(shape.batch * shape.outputs * shape.output_height * shape.output_width, seed: 14) }

    /// y without bias, dx and dweight.
    func expected() -> (y: [Double], dx: [Double], dweight: [Double]) {
        let s = shape
        let x = x
        let weight = weight
        let dy = dy
        let channels = s.channels / s.groups
        let outputs = s.outputs / s.groups
        var y = [Double](repeating: 0, count: dy.count)
        var dx = [Double](repeating: 0, count: x.count)
        var dweight = [Double](repeating: 0, count: weight.count)
        var position = 0
        for sample in 0..<s.batch {
            for output in 0..<s.outputs {
                for row in 0..<s.output_height {
                    for column in 0..<s.output_width {
                        for channel in 0..<channels {
                            for i in 0..<s.kernel_height {
                                let h = row * s.stride_height + i * s.dilation_height - s.padding_height
                                guard 0 <= h, h < s.height else { continue }
                                for j in 0..<s.kernel_width {
                                    let w = column * s.stride_width + j * s.dilation_width - s.padding_width
                                    guard 0 <= w, w < s.width else { continue }
                                    let source =
                                        ((sample * s.channels + output / outputs * channels + channel) * s.height + h)
                                        * s.width + w
                                    let tap = ((output * channels + channel) * s.kernel_height + i) * s.kernel_width + j
                                    y[position] += Double(x[source]) * Double(weight[tap])
                                    dx[source] += Double(dy[position]) * Double(weight[tap])
                                    dweight[tap] += Double(dy[position]) * Double(x[source])
                                }
                            }
                        }
                        position += 1
                    }
                }
            }
        }
        return (y, dx, dweight)
    }

    /// The three kernels' results, from unaligned operands, one after another; nil if they wrote outside of them.
    func actual(hasBias: Bool, accumulate: Bool) -> (y: [Float], dx: [Float], dweight: [Float])? {
        let y = Unaligned(count: dy.count)
        let dx = Unaligned([Float](repeating: accumulate ? 0.5 : .nan, count: x.count))
        let dweight = Unaligned([Float](repeating: accumulate ? -0.25 : .nan, count: weight.count))
        let x = Unaligned(x)
        let weight = Unaligned(weight)
        let bias = Unaligned(bias)
        let dy = Unaligned(dy)
        withUnsafePointer(to: shape) { shape in
            ballast_conv2d(shape, x.pointer, weight.pointer, hasBias ? bias.pointer : nil, y.pointer)
            ballast_conv2d_input_gradient(shape, dy.pointer, weight.pointer, accumulate, dx.pointer)
            ballast_conv2d_weight_gradient(shape, x.pointer, dy.pointer, accumulate, dweight.pointer)
        }
        guard y.isIntact && dx.isIntact && dweight.isIntact else { return nil }
        return (y.values, dx.values, dweight.values)
    }

    func check(hasBias: Bool = false, accumulate: Bool = false) {
        var expected = expected()
        let bias = bias
        let plane = shape.output_height * shape.output_width
        if hasBias { for i in expected.y.indices { expected.y[i] += Double(bias[i / plane % shape.outputs]) } }
        if accumulate {
            for i in expected.dx.indices { expected.dx[i] += 0.5 }
            for i in expected.dweight.indices { expected.dweight[i] -= 0.25 }
        }
        for instructionSet in instructionSets {
            with(instructionSet) {
                guard let actual = actual(hasBias: hasBias, accumulate: accumulate) else {
                    Issue.record("\(instructionSet) \(self): wrote outside of a result")
                    return
                }
                let context = "\(instructionSet) \(self) bias \(hasBias) accumulate \(accumulate)"
                #expect(difference(actual.y, expected.y) == nil, "y, \(context)")
                #expect(difference(actual.dx, expected.dx) == nil, "dx, \(context)")
                // Sums over the batch and all positions: rounding grows with the square root of their number.
                let summands = Double(shape.batch * plane).squareRoot()
                #expect(
                    difference(actual.dweight, expected.dweight, tolerance: 2e-6, scale: 4 + summands) == nil,
                    "dweight, \(context)")
            }
        }
    }
}

extension KernelTests {
    @Suite struct ConvolutionTests {
        @Test(arguments: [(1, 1), (2, 3), (3, 3), (5, 4)], [(1, 1), (2, 2), (3, 2)])
        func `Kernels, strides, paddings and dilations`(kernel: (Int, Int), stride: (Int, Int)) {
            for padding in [(0, 0), (1, 1), (3, 2)] {
                for dilation in [(1, 1), (2, 3)] {
                    // With dilation, some kernels are taller than the padded source: the caller would refuse them.
                    guard 9 + 2 * padding.0 > dilation.0 * (kernel.0 - 1),
                        11 + 2 * padding.1 > dilation.1 * (kernel.1 - 1)
                    else { continue }
                    Convolution(kernel: kernel, stride: stride, padding: padding, dilation: dilation).check(
                        accumulate: padding.0 == 1)
                }
            }
        }

        @Test func `Groups, up to one for each channel`() {
            Convolution(channels: 6, outputs: 4, groups: 2).check(hasBias: true)
            Convolution(channels: 5, outputs: 10, stride: (2, 2), groups: 5).check(accumulate: true)
            Convolution(channels: 40, outputs: 80, groups: 2).check(hasBias: true, accumulate: true)
        }

        @Test func `Sources of one pixel, one line, one column, and none`() {
            Convolution(height: 1, width: 1).check(hasBias: true)
            Convolution(height: 1, width: 40).check()
            Convolution(height: 23, width: 1, kernel: (3, 1), padding: (0, 0)).check()
            Convolution(batch: 0).check(hasBias: true)
            Convolution(batch: 1, channels: 1, outputs: 1).check(accumulate: true)
        }

        @Test func `An empty batch has no weight gradient`() {
            let actual = Convolution(batch: 0).actual(hasBias: false, accumulate: false)
            #expect(actual?.dweight.allSatisfy { $0 == 0 } == true)
        }

        @Test func `Many channels, and lines longer than a panel`() {
            Convolution(batch: 1, channels: 70, height: 7, width: 8, outputs: 37).check(hasBias: true)
            Convolution(batch: 1, channels: 130, height: 6, width: 5, outputs: 3, kernel: (3, 3)).check(
                accumulate: true)
            Convolution(batch: 1, channels: 2, height: 40, width: 131, outputs: 17).check(hasBias: true)
            Convolution(batch: 33, channels: 2, height: 6, width: 6, outputs: 18).check()
        }

        @Test func `One thread and several give the same bits`() {
            for convolution in [
                Convolution(batch: 37, channels: 8, height: 14, width: 14, outputs: 32),
                Convolution(batch: 3, channels: 20, height: 30, width: 30, outputs: 24, stride: (2, 1)),
            ] {
                for instructionSet in instructionSets {
                    let one = with(instructionSet, threads: 1) { convolution.actual(hasBias: true, accumulate: true)! }
                    let several = with(instructionSet, threads: 3) {
                        convolution.actual(hasBias: true, accumulate: true)!
                    }
                    #expect(sameBits(one.y, several.y), "y, \(instructionSet) \(convolution)")
                    #expect(sameBits(one.dx, several.dx), "dx, \(instructionSet) \(convolution)")
                    #expect(sameBits(one.dweight, several.dweight), "dweight, \(instructionSet) \(convolution)")
                }
            }
        }
    }
}
