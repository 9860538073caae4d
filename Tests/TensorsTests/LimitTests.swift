import Tensors
import Testing

/// Sizes that no machine has memory for stop the program with a message that names operation, shape and limit.
@Suite struct LimitTests {
    /// A mistake, and words that its message has.
    struct Mistake: Sendable, CustomTestStringConvertible {
        let name: String
        let words: [String]
        let commit: @Sendable () -> Void

        init(_ name: String, _ words: String..., commit: @escaping @Sendable () -> Void) {
            self.name = name
            self.words = words
            self.commit = commit
        }

        var testDescription: String { name }
    }

    private static let huge = Int(Int32.max)
    private static var image: Tensor { .zeros([1, 1, 8, 8]) }
    private static let stream = RandomStream(seed: 1, purpose: "limits")

    /// A tensor without elements can have huge sizes.
    private static func empty(_ sizes: Int...) -> Tensor { Tensor.zeros(Shape([0] + sizes)) }

    static let mistakes: [Mistake] = creation + shaping + windows + others

    private static let creation: [Mistake] = [
        Mistake("zeros", "shape: ", "[2147483647, 2147483647, 2]", "2^60") { _ = Tensor.zeros([huge, huge, 2]) },
        Mistake("ones", "shape: ", "[2147483647, 2147483647, 2147483647", "2^60") {
            _ = Tensor.ones([huge, huge, huge, huge, huge])
        },
        Mistake("full", "shape: ", "0...2147483647", "\(Int.max)") { _ = Tensor.full([Int.max], 1) },
        Mistake("empty", "shape: ", "[0, 2147483647, 2147483647]", "2^60") { _ = Tensor.zeros([0, huge, huge]) },
        Mistake("uniform", "shape: ", "2^60") { _ = Tensor.uniform([huge, huge], from: stream) },
        Mistake("appending", "shape: ", "2^60") { _ = Shape([huge, 1 << 29]).appending(2) },
        Mistake("setting a size", "shape: ", "2^60") {
            var shape = Shape([huge, 1])
            shape[1] = huge
        },
        Mistake("dirichlet", "dirichlet: ", "\(Int.max)") {
            _ = Tensor.dirichlet(.max, alphas: [1, 1], from: stream)
        },
        Mistake("words", "words", "-1") { _ = stream.words(-1) },
        Mistake("words from", "words", "-4") { _ = stream.words(1, from: -4) },
        Mistake("permutation", "permutation", "0...2147483647") { _ = stream.permutation(1 << 31) },
    ]

    private static let shaping: [Mistake] = [
        Mistake("reshaped", "reshaped: ", "[2147483647, 2147483647]", "2^60") {
            _ = image.reshaped(to: [huge, huge, -1])
        },
        Mistake("add", "add: ", "2^60") { _ = empty(1, huge) + empty(huge, 1) },
        Mistake("flattened", "flattened: ", "0...2147483647") { _ = empty(1 << 20, 1 << 20).flattened(from: 1) },
        Mistake("expandingDimension", "expandingDimension: ", "9 dimensions", "at most 8") {
            _ = Tensor.zeros([1, 1, 1, 1, 1, 1, 1, 1]).expandingDimension(at: 0)
        },
        Mistake("concatenated", "concatenated: ", "0...2147483647") {
            let tensor = Tensor.zeros([huge, 0])
            _ = concatenated([tensor, tensor])
        },
        Mistake("split", "split: ", "[\(Int.max), 1]", "[1, 1, 8, 8]") { _ = image.split(sizes: [.max, 1], axis: 2) },
        Mistake("gathered", "gathered: ", "2^60") {
            _ = Tensor.zeros([1, 0, huge]).gathered(rows: Tensor(integers: [], shape: [0, huge]))
        },
        Mistake("matmul", "matmul: ", "2^60") { _ = matmul(.zeros([huge, 0]), .zeros([0, huge])) },
        Mistake("linear", "linear: ", "2^60") { _ = linear(.zeros([huge, 0]), .zeros([0, huge]), nil) },
    ]

    private static let windows: [Mistake] = [
        Mistake("stride", "conv2d: ", "stride \(Int.max)", "2147483647", "[1, 1, 8, 8]") {
            _ = conv2d(image, .ones([1, 1, 3, 3]), nil, stride: (.max, 1))
        },
        Mistake("padding", "conv2d: ", "padding \(Int.max)", "2147483647", "[1, 1, 8, 8]") {
            _ = conv2d(image, .ones([1, 1, 3, 3]), nil, padding: (0, .max))
        },
        Mistake("dilation", "conv2d: ", "dilation \(Int.max)", "2147483647", "[1, 1, 8, 8]") {
            _ = conv2d(image, .ones([1, 1, 3, 3]), nil, dilation: (.max, 1))
        },
        Mistake("padded size", "conv2d: ", "8 with a padding of 2147483647", "[1, 1, 8, 8]") {
            _ = conv2d(image, .ones([1, 1, 3, 3]), nil, padding: (huge, 0))
        },
        Mistake("groups", "conv2d: ", "\(Int.max) groups", "[1, 1, 8, 8]") {
            _ = conv2d(image, .ones([1, 1, 3, 3]), nil, groups: .max)
        },
        Mistake("convolved size", "conv2d: ", "2^60") {
            _ = conv2d(.zeros([0, 0, 1 << 15, 1 << 15]), .zeros([huge, 0, 1, 1]), nil)
        },
        Mistake("conv1d", "conv2d: ", "stride \(Int.max)") {
            _ = conv1d(.zeros([1, 1, 8]), .ones([1, 1, 3]), nil, stride: .max)
        },
        Mistake("maxPool2d", "maxPool2d: ", "padding", "half the kernel", "[1, 1, 8, 8]") {
            _ = maxPool2d(image, kernel: (3, 3), padding: (.max, 0))
        },
        Mistake("maxPool2d's kernel", "maxPool2d: ", "kernel \(Int.max)", "2147483647") {
            _ = maxPool2d(image, kernel: (.max, 3), padding: (.max / 2, 0))
        },
        Mistake("averagePool2d", "averagePool2d: ", "stride \(Int.max)", "2147483647") {
            _ = averagePool2d(image, kernel: (3, 3), stride: (1, .max))
        },
    ]

    private static let others: [Mistake] = [
        Mistake("sampleBilinearly", "sampleBilinearly: ", "\(Int.max)", "2^30") {
            sampleBilinearly(
                UnsafeBufferPointer(start: nil, count: 0), height: .max, width: 2, along: SamplingGrid(),
                into: UnsafeMutableBufferPointer(start: nil, count: 0))
        },
        Mistake("a linear layer of labels", "linear: ", "integers") {
            _ = linear(.ones([1, 2]), Tensor(integers: [1, 2], shape: [2, 1]), nil)
        },
    ]

    @Test(arguments: LimitTests.mistakes.indices)
    func `a size beyond the limit is refused with a message`(index: Int) async {
        let mistake = LimitTests.mistakes[index]
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            [index = index as Int] in
            LimitTests.mistakes[index].commit()
        }
        let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        for word in mistake.words {
            #expect(message.contains(word), "\(mistake.name): the message is: \(message)")
        }
    }

    @Test func `the greatest sizes that are possible are accepted`() {
        #expect(
            conv2d(LimitTests.image, .ones([1, 1, 1, 1]), nil, stride: (.init(Int32.max), 1)).shape == [1, 1, 1, 8])
        #expect(Tensor.zeros([0, 1 << 29, Int(Int32.max)]).transposed().shape == [0, Int(Int32.max), 1 << 29])
    }
}
