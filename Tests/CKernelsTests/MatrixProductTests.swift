import CKernels
import Testing

/// One product, and what plain loops in double precision make of it.
private struct Product: CustomStringConvertible {
    var m: Int, n: Int, k: Int
    var transposeA = false, transposeB = false
    var alpha: Float = 1
    var hasBias = false, relu = false, accumulate = false

    var description: String {
        "\(m)x\(n)x\(k) \(transposeA ? "T" : "N")\(transposeB ? "T" : "N") alpha \(alpha) bias \(hasBias) relu \(relu) accumulate \(accumulate)"
    }

    var a: [Float] { samples(m * k, seed: 1) }
    var b: [Float] { samples(k * n, seed: 2) }
    var bias: [Float] { samples(n, seed: 3) }
    var c: [Float] { accumulate ? samples(m * n, seed: 4) : [Float](repeating: .nan, count: m * n) }

    func expected() -> [Double] {
        let a = a
        let b = b
        let bias = bias
        let c = c
        var result = [Double](repeating: 0, count: m * n)
        for i in 0..<m {
            for j in 0..<n {
                var sum = 0.0
                for p in 0..<k {
                    sum +=
                        Double(transposeA ? a[p * m + i] : a[i * k + p])
                        * Double(transposeB ? b[j * k + p] : b[p * n + j])
                }
                sum *= Double(alpha)
                if hasBias { sum += Double(bias[j]) }
                if accumulate { sum += Double(c[i * n + j]) }
                result[i * n + j] = relu ? max(sum, 0) : sum
            }
        }
        return result
    }

    /// What the kernel makes of it, from unaligned operands; nil if it wrote outside of C.
    func actual() -> [Float]? {
        let a = Unaligned(a)
        let b = Unaligned(b)
        let bias = Unaligned(bias)
        let c = Unaligned(c)
        ballast_gemm(
            transposeA, transposeB, m, n, k, alpha, a.pointer, b.pointer, hasBias ? bias.pointer : nil, relu,
            accumulate,
            c.pointer)
        return c.isIntact ? c.values : nil
    }

    func check(_ instructionSet: String) {
        with(instructionSet) {
            guard let actual = actual() else {
                Issue.record("\(instructionSet) \(self): wrote outside of C")
                return
            }
            let problem = difference(actual, expected(), tolerance: 2e-6, scale: 1 + Double(k).squareRoot())
            #expect(problem == nil, "\(instructionSet) \(self)")
        }
    }
}

private let transpositions = [(false, false), (true, false), (false, true), (true, true)]

extension KernelTests {
    @Suite struct MatrixProductTests {
        @Test(arguments: instructionSets)
        func `Every size around the vectors, in every transposition`(instructionSet: String) {
            let sizes = [0, 1, 2, 7, 13, 16, 17, 33, 35]
            for m in sizes {
                for n in sizes {
                    for k in [0, 1, 3, 16, 19] {
                        for (transposeA, transposeB) in transpositions {
                            Product(m: m, n: n, k: k, transposeA: transposeA, transposeB: transposeB).check(
                                instructionSet)
                        }
                    }
                }
            }
        }

        @Test(arguments: instructionSets)
        func `Every combination of scale, bias, relu and accumulation`(instructionSet: String) {
            for (m, n, k) in [(1, 37, 5), (37, 1, 40), (5, 20, 9), (30, 45, 33), (9, 9, 0), (1, 9, 0), (9, 1, 0)] {
                for (transposeA, transposeB) in transpositions {
                    for flags in 0..<16 {
                        Product(
                            m: m, n: n, k: k, transposeA: transposeA, transposeB: transposeB,
                            alpha: flags & 1 == 0 ? 1 : -0.75, hasBias: flags & 2 != 0, relu: flags & 4 != 0,
                            accumulate: flags & 8 != 0
                        ).check(instructionSet)
                    }
                }
            }
        }

        @Test(arguments: instructionSets)
        func `Products that are cut into tiles, panels and parts of k`(instructionSet: String) {
            for (m, n, k) in [(150, 130, 97), (67, 70, 1100), (61, 300, 530), (300, 101, 130), (140, 21, 530)] {
                for (transposeA, transposeB) in transpositions {
                    Product(
                        m: m, n: n, k: k, transposeA: transposeA, transposeB: transposeB, alpha: 0.5, hasBias: true,
                        relu: true,
                        accumulate: true
                    ).check(instructionSet)
                }
            }
        }

        @Test(arguments: instructionSets)
        func `One thread and several give the same bits`(instructionSet: String) {
            for (m, n, k) in [(128, 96, 520), (300, 100, 600), (300, 10, 600), (1, 300, 900), (300, 1, 900)] {
                for (transposeA, transposeB) in transpositions {
                    let product = Product(m: m, n: n, k: k, transposeA: transposeA, transposeB: transposeB)
                    let one = with(instructionSet, threads: 1) { product.actual() }
                    for threads in [2, 3, 4, 8] as [Int32] {
                        let several = with(instructionSet, threads: threads) { product.actual() }
                        #expect(sameBits(one!, several!), "\(instructionSet) \(product) on \(threads) threads")
                    }
                }
            }
        }

        /// Rows and columns of a product are the product of rows and columns: tiles, panels, strips and blocks of columns
        /// leave no trace in the bits.
        @Test(arguments: instructionSets)
        func `How a product is cut does not change its bits`(instructionSet: String) {
            let (some, others) = (3..<29, 5..<41)
            for (m, n, k) in [(300, 140, 600), (100, 140, 600), (300, 20, 600), (290, 4200, 512), (29, 41, 40)] {
                for (transposeA, transposeB) in transpositions {
                    let whole = Product(m: m, n: n, k: k, transposeA: transposeA, transposeB: transposeB)
                    let (rows, columns) = (some, n > 4000 ? 4080..<4110 : n < 40 ? 3..<11 : others)
                    let (a, b) = (whole.a, whole.b)
                    let rowsOfA =
                        transposeA
                        ? (0..<k).flatMap { step in rows.map { a[step * m + $0] } }
                        : rows.flatMap { a[$0 * k..<($0 + 1) * k] }
                    let columnsOfB =
                        transposeB
                        ? columns.flatMap { b[$0 * k..<($0 + 1) * k] }
                        : (0..<k).flatMap { step in columns.map { b[step * n + $0] } }
                    let (c, part) = with(instructionSet, threads: 2) {
                        var c = [Float](repeating: 0, count: m * n)
                        var part = [Float](repeating: 0, count: rows.count * columns.count)
                        ballast_gemm(transposeA, transposeB, m, n, k, 1, a, b, nil, false, false, &c)
                        ballast_gemm(
                            transposeA, transposeB, rows.count, columns.count, k, 1, rowsOfA, columnsOfB, nil, false,
                            false, &part)
                        return (c, part)
                    }
                    let expected = rows.flatMap { row in columns.map { c[row * n + $0] } }
                    #expect(sameBits(part, expected), "\(instructionSet) \(whole)")
                }
            }
        }

        @Test(arguments: instructionSets)
        func `NaN and infinity pass through, also where relu is applied`(instructionSet: String) {
            with(instructionSet) {
                for (m, n) in [(3, 5), (1, 5), (5, 1)] {
                    let a = [Float](repeating: .nan, count: m * 4)
                    let b = [Float](repeating: 1, count: n * 4)
                    var c = [Float](repeating: 0, count: m * n)
                    ballast_gemm(false, false, m, n, 4, 1, a, b, nil, true, false, &c)
                    #expect(c.allSatisfy { $0.isNaN }, "\(instructionSet) \(m)x\(n)")
                }
            }
        }

        @Test(arguments: instructionSets)
        func `A batch is its products one by one`(instructionSet: String) {
            for (batch, m, n, k) in [(0, 3, 4, 5), (3, 7, 18, 5), (40, 33, 20, 16), (2, 170, 160, 150), (5, 1, 9, 30)] {
                for (transposeA, transposeB) in transpositions {
                    let a = samples(m * k, seed: 5)
                    let b = samples(batch * k * n, seed: 6)  // a is repeated: its stride is 0
                    let initial = samples(batch * (m * n + 3), seed: 7)
                    let (whole, single) = with(instructionSet) {
                        var whole = initial
                        var single = initial
                        ballast_gemm_batched(
                            batch, transposeA, transposeB, m, n, k, 0.5, a, 0, b, k * n, true, &whole, m * n + 3)
                        single.withUnsafeMutableBufferPointer { c in
                            b.withUnsafeBufferPointer { b in
                                for i in 0..<batch {
                                    ballast_gemm(
                                        transposeA, transposeB, m, n, k, 0.5, a, b.baseAddress! + i * k * n, nil, false,
                                        true,
                                        c.baseAddress! + i * (m * n + 3))
                                }
                            }
                        }
                        return (whole, single)
                    }
                    #expect(sameBits(whole, single), "\(instructionSet) \(batch) of \(m)x\(n)x\(k)")
                }
            }
        }
    }
}
