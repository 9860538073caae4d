import CKernels
import Testing

private func shape(
    planes: Int = 3, height: Int, width: Int, kernel: (Int, Int), stride: (Int, Int), padding: (Int, Int) = (0, 0)
) -> ballast_pool2d_shape {
    ballast_pool2d_shape(
        planes: planes, height: height, width: width, kernel_height: kernel.0, kernel_width: kernel.1,
        stride_height: stride.0, stride_width: stride.1, padding_height: padding.0, padding_width: padding.1,
        output_height: (height + 2 * padding.0 - kernel.0) / stride.0 + 1,
        output_width: (width + 2 * padding.1 - kernel.1) / stride.1 + 1)
}

private let shapes: [ballast_pool2d_shape] =
    [2, 3, 5, 14, 15, 16, 17, 28, 31, 32, 33, 63, 64, 66].map {
        shape(height: 5, width: $0, kernel: (2, 2), stride: (2, 2))
    } + [
        shape(height: 4, width: 64, kernel: (2, 2), stride: (2, 2)),
        shape(height: 9, width: 20, kernel: (3, 3), stride: (2, 2), padding: (1, 1)),
        shape(height: 9, width: 20, kernel: (3, 2), stride: (1, 3)),
        shape(height: 7, width: 7, kernel: (7, 7), stride: (7, 7)),
        shape(height: 6, width: 37, kernel: (2, 35), stride: (1, 1), padding: (1, 17)),
        shape(height: 5, width: 6, kernel: (2, 2), stride: (2, 2), padding: (1, 1)),
        shape(height: 1, width: 1, kernel: (1, 1), stride: (1, 1)),
        shape(planes: 0, height: 4, width: 4, kernel: (2, 2), stride: (2, 2)),
        shape(planes: 150, height: 28, width: 28, kernel: (2, 2), stride: (2, 2)),
    ]

extension ballast_pool2d_shape {
    fileprivate var count: Int { planes * height * width }
    fileprivate var outputCount: Int { planes * output_height * output_width }
    fileprivate var label: String {
        "\(planes)x\(height)x\(width) kernel \(kernel_height)x\(kernel_width) stride \(stride_height),\(stride_width) padding \(padding_height),\(padding_width)"
    }

    /// Calls the body with each output's position and the positions, in the whole array, that its window covers.
    fileprivate func forEachWindow(_ body: (_ output: Int, _ positions: [Int]) -> Void) {
        for output in 0..<outputCount {
            let plane = output / (output_height * output_width)
            let row = output / output_width % output_height
            let column = output % output_width
            var positions: [Int] = []
            for i in 0..<kernel_height {
                for j in 0..<kernel_width {
                    let h = row * stride_height + i - padding_height
                    let w = column * stride_width + j - padding_width
                    if 0 <= h, h < height, 0 <= w, w < width { positions.append((plane * height + h) * width + w) }
                }
            }
            body(output, positions)
        }
    }
}

/// Values with many ties, some infinities, and NaNs if wanted.
private func values(_ count: Int, nans: Bool) -> [Float] {
    samples(count, seed: 21).enumerated().map { i, x in
        if nans && i % 23 == 7 { return .nan }
        return i % 31 == 3 ? -.infinity : (x * 4).rounded()
    }
}

extension KernelTests {
    @Suite struct PoolingTests {
        @Test(arguments: instructionSets, [false, true])
        func `The maximum is the first of the largest, or the first NaN`(instructionSet: String, nans: Bool) {
            for shape in shapes {
                let x = values(shape.count, nans: nans)
                var expected: [Double] = []
                var expectedIndex: [Int32] = []
                shape.forEachWindow { _, positions in
                    let best =
                        positions.first { x[$0].isNaN }
                        ?? positions.dropFirst().reduce(positions[0]) { x[$1] > x[$0] ? $1 : $0 }
                    expected.append(Double(x[best]))
                    expectedIndex.append(Int32(best % (shape.height * shape.width)))
                }
                let source = Unaligned(x)
                let y = Unaligned(count: shape.outputCount)
                var index = [Int32](repeating: -7, count: shape.outputCount + 1)
                with(instructionSet) {
                    withUnsafePointer(to: shape) { ballast_max_pool2d($0, source.pointer, y.pointer, &index) }
                }
                #expect(difference(y.values, expected, tolerance: 0) == nil, "\(instructionSet) \(shape.label)")
                #expect(y.isIntact && index.last == -7, "\(instructionSet) \(shape.label)")
                #expect(Array(index.dropLast()) == expectedIndex, "\(instructionSet) \(shape.label)")
            }
        }

        @Test(arguments: instructionSets, [false, true])
        func `The gradient of the maximum goes to where it was`(instructionSet: String, accumulate: Bool) {
            for shape in shapes {
                let x = values(shape.count, nans: false)
                let dy = samples(shape.outputCount, seed: 22)
                var expected = [Double](repeating: accumulate ? 0.5 : 0, count: shape.count)
                let dx = Unaligned([Float](repeating: accumulate ? 0.5 : .nan, count: shape.count))
                with(instructionSet) {
                    var y = dy
                    var index = [Int32](repeating: 0, count: shape.outputCount)
                    withUnsafePointer(to: shape) {
                        ballast_max_pool2d($0, x, &y, &index)
                        ballast_max_pool2d_gradient($0, dy, index, accumulate, dx.pointer)
                    }
                    let plane = shape.height * shape.width
                    let outputPlane = shape.output_height * shape.output_width
                    for (i, gradient) in dy.enumerated() {
                        expected[i / outputPlane * plane + Int(index[i])] += Double(gradient)
                    }
                }
                #expect(difference(dx.values, expected, tolerance: 1e-6) == nil, "\(instructionSet) \(shape.label)")
                #expect(dx.isIntact, "\(instructionSet) \(shape.label)")
            }
        }

        @Test(arguments: instructionSets, [false, true])
        func `The mean counts padding as zeros, and spreads its gradient evenly`(
            instructionSet: String, accumulate: Bool
        ) {
            for shape in shapes {
                let x = samples(shape.count, seed: 23)
                let dy = samples(shape.outputCount, seed: 24)
                var expected = [Double](repeating: 0, count: shape.outputCount)
                var expectedGradient = [Double](repeating: accumulate ? 0.5 : 0, count: shape.count)
                let area = Double(shape.kernel_height * shape.kernel_width)
                shape.forEachWindow { output, positions in
                    expected[output] = positions.reduce(0) { $0 + Double(x[$1]) } / area
                    for position in positions { expectedGradient[position] += Double(dy[output]) / area }
                }
                let y = Unaligned(count: shape.outputCount)
                let dx = Unaligned([Float](repeating: accumulate ? 0.5 : .nan, count: shape.count))
                with(instructionSet) {
                    withUnsafePointer(to: shape) {
                        ballast_average_pool2d($0, x, y.pointer)
                        ballast_average_pool2d_gradient($0, dy, accumulate, dx.pointer)
                    }
                }
                #expect(difference(y.values, expected, tolerance: 2e-6) == nil, "\(instructionSet) \(shape.label)")
                #expect(
                    difference(dx.values, expectedGradient, tolerance: 2e-6) == nil, "\(instructionSet) \(shape.label)")
                #expect(y.isIntact && dx.isIntact, "\(instructionSet) \(shape.label)")
            }
        }
    }
}
