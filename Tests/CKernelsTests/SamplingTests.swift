import CKernels
import Testing

extension KernelTests {
    @Suite struct Sampling {
        /// A sample as the header defines it, in double precision.
        private func expected(_ grid: ballast_sampling, _ x: [Float], row: Int, column: Int) -> Double {
            let across = Double(grid.x) + Double(grid.xx) * Double(column) + Double(grid.xy) * Double(row)
            let down = Double(grid.y) + Double(grid.yx) * Double(column) + Double(grid.yy) * Double(row)
            let (left, top) = (across.rounded(.down), down.rounded(.down))
            var (sum, share) = (0.0, 0.0)
            for (y, weightY) in [(top, 1 - (down - top)), (top + 1, down - top)] {
                for (x0, weightX) in [(left, 1 - (across - left)), (left + 1, across - left)] {
                    guard y >= 0, y < Double(grid.height), x0 >= 0, x0 < Double(grid.width) else { continue }
                    sum += weightX * weightY * Double(x[Int(y) * Int(grid.width) + Int(x0)])
                    share += weightX * weightY
                }
            }
            let fill = Double(grid.fill)
            return grid.blends_twice ? share * sum + (1 - share) * fill : sum + (1 - share) * fill
        }

        @Test("Samples along straight grids are the bilinear ones", arguments: instructionSets)
        func samplesOfPlanes(set: String) {
            for width in lengths where width > 0 {
                let height = max(1, 40 / width)
                let x = samples(height * width)
                for angle: Float in [0, 0.3, -2] {
                    for twice in [false, true] {
                        let grid = ballast_sampling(
                            height: height, width: width, x: -1.25, xx: 1 - angle / 7, xy: angle, y: 0.5, yx: -angle,
                            yy: 1.1, fill: -0.5, blends_twice: twice)
                        let (plane, y) = (Unaligned(x), Unaligned(count: height * width))
                        var copy = grid
                        with(set) { ballast_sample(&copy, plane.pointer, y.pointer) }
                        let all = (0..<height * width).map {
                            self.expected(grid, x, row: $0 / width, column: $0 % width)
                        }
                        let problem = difference(y.values, all, tolerance: 2e-5)
                        #expect(problem == nil, "[\(height), \(width)], slope \(angle), twice \(twice)")
                        #expect(y.isIntact && plane.values == x)
                    }
                }
            }
        }

        @Test("Places far outside and places that are no numbers read nothing", arguments: instructionSets)
        func farOutside(set: String) {
            let x = samples(35)
            for start: Float in [1e30, -1e30, .infinity, -.infinity, .nan] {
                var grid = ballast_sampling(
                    height: 5, width: 7, x: start, xx: 1, xy: 0, y: 0, yx: 0, yy: 1, fill: 3, blends_twice: false)
                let y = Unaligned(count: 35)
                with(set) { ballast_sample(&grid, x, y.pointer) }
                #expect(y.values.allSatisfy { $0 == 3 || $0.isNaN } && y.isIntact, "\(start): \(y.values)")
            }
        }
    }
}
