import Tensors
import TestSupport
import Testing

/// Dropout as an operation.
@Suite struct DropoutTests {
    private let stream = RandomStream(seed: 1, purpose: "dropout")

    @Test(arguments: [0.1, 0.3, 0.5, 0.9] as [Float], [1, 4, 17])
    func `units are dropped whole, or scaled, in the right proportion`(probability: Float, inner: Int) {
        let units = 20_000
        let x = Tensor.normal([units, inner], from: stream.at(9))
        let y = dropout(x, probability: probability, perUnit: inner, from: stream)
        let scale = 1 / (1 - probability)
        let (before, after) = (x.scalars, y.scalars)
        var dropped = 0
        for unit in 0..<units {
            let range = unit * inner..<(unit + 1) * inner
            let isDropped = range.allSatisfy { after[$0] == 0 }
            if isDropped { dropped += 1 } else { #expect(range.allSatisfy { after[$0] == before[$0] * scale }) }
        }
        let deviation = (Double(units) * Double(probability) * Double(1 - probability)).squareRoot()
        #expect(abs(Double(dropped) - Double(units) * Double(probability)) < 5 * deviation)
    }

    @Test func `the gradient passes through what was kept`() {
        for count in [1, 15, 16, 17, 33, 1000] {
            let x = Tensor.ones([count])
            let y = dropout(x, probability: 0.4, from: stream)
            let weights = Tensor.normal([count], from: stream.at(2))
            let slope = gradient(at: x) { (dropout($0, probability: 0.4, from: stream) * weights).sum() }
            #expect(slope.scalars == (y * weights).scalars)
        }
    }

    @Test func `the same stream drops the same, another one does not`() {
        let x = Tensor.ones([1000])
        let y = dropout(x, probability: 0.5, from: stream)
        #expect(y.scalars == dropout(x, probability: 0.5, from: stream).scalars)
        #expect(y.scalars != dropout(x, probability: 0.5, from: stream.at(1)).scalars)
    }

    @Test func `a probability of zero changes nothing`() {
        let x = Tensor.normal([33], from: stream)
        #expect(dropout(x, probability: 0, from: stream).storage === x.storage)
        #expect(dropout(.zeros([0, 3]), probability: 0.5, from: stream).shape == [0, 3])
    }
}
