import Tensors
import Testing

/// How tensors print.
@Suite struct DescriptionTests {
    @Test func `small tensors fit on a line`() {
        #expect("\(Tensor([1, 2, 3, 4], shape: [2, 2]))" == "Tensor([[1, 2], [3, 4]], shape: [2, 2])")
        #expect("\(Tensor(3))" == "Tensor(3, shape: [])")
        #expect("\(Tensor([]))" == "Tensor([], shape: [0])")
        #expect("\(Tensor.zeros([2, 0]))" == "Tensor([[], []], shape: [2, 0])")
        #expect("\(Tensor(integers: [1, -2]))" == "Tensor([1, -2], shape: [2], int32)")
    }

    @Test func `fractions have four decimals`() {
        #expect("\(Tensor([0.5, -1.23456, 0, 12]))" == "Tensor([0.5000, -1.2346, 0.0000, 12.0000], shape: [4])")
    }

    @Test func `what four decimals cannot tell is written in full`() {
        #expect("\(Tensor([1e-6, 0.5]))" == "Tensor([1e-06, 0.5], shape: [2])")
        #expect("\(Tensor([1.5e8, 0.25]))" == "Tensor([1.5e+08, 0.25], shape: [2])")
    }

    @Test func `infinities and NaN are named`() {
        #expect("\(Tensor([1, .infinity, -.infinity, .nan]))" == "Tensor([1, inf, -inf, nan], shape: [4])")
        #expect("\(Tensor([0.5, .nan]))" == "Tensor([0.5000, nan], shape: [2])")
    }

    @Test func `longer tensors have aligned rows`() {
        let tensor = Tensor((0..<12).map { Float($0) * 100.5 - 300 }, shape: [3, 4])
        #expect(
            "\(tensor)" == """
                Tensor([[-300.0000, -199.5000,  -99.0000,    1.5000],
                        [ 102.0000,  202.5000,  303.0000,  403.5000],
                        [ 504.0000,  604.5000,  705.0000,  805.5000]], shape: [3, 4])
                """)
    }

    @Test func `further axes leave a line free`() {
        let tensor = Tensor((0..<30).map { Float($0) }, shape: [2, 3, 5])
        #expect(
            "\(tensor)" == """
                Tensor([[[ 0,  1,  2,  3,  4],
                         [ 5,  6,  7,  8,  9],
                         [10, 11, 12, 13, 14]],

                        [[15, 16, 17, 18, 19],
                         [20, 21, 22, 23, 24],
                         [25, 26, 27, 28, 29]]], shape: [2, 3, 5])
                """)
    }

    @Test func `beyond a thousand elements only the ends are shown`() {
        let vector = Tensor((0..<1001).map { Float($0) })
        #expect("\(vector)" == "Tensor([0, 1, 2, ..., 998, 999, 1000], shape: [1001])")
        let matrix = Tensor((0..<2000).map { Float($0) }, shape: [500, 4])
        #expect(
            "\(matrix)" == """
                Tensor([[   0,    1,    2,    3],
                        [   4,    5,    6,    7],
                        [   8,    9,   10,   11],
                        ...,
                        [1988, 1989, 1990, 1991],
                        [1992, 1993, 1994, 1995],
                        [1996, 1997, 1998, 1999]], shape: [500, 4])
                """)
        #expect(!"\(Tensor((0..<1000).map { Float($0) }))".contains("..."))
    }
}
