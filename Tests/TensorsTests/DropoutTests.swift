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
        let scale = 65536 / (65536 - (probability * 65536).rounded())
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

    @Test(arguments: [0.3, 0.5, 0.999, 0.9999, 0.99999, Float(1).nextDown])
    func `the mean is exact for every probability`(probability: Float) {
        // Of all 2^16 values that the mask compares with its threshold, as many are kept as the scale assumes.
        let count = 1 << 22
        let output = dropout(.ones([count]), probability: probability, from: stream)
        let kept = output.isGreater(than: 0).sum().item
        let scale = output.maximum().item
        let mean = Double(output.sum().item) / Double(count)
        let share = 1 / Double(scale)
        #expect(kept > 0 && abs(65536 * share - (65536 * share).rounded()) < 1e-2)
        let deviation = ((1 - share) / share / Double(count)).squareRoot()
        #expect(abs(mean - 1) < 5 * deviation, "mean \(mean), deviation \(deviation)")
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
        #expect(dropout(x, probability: 0x1p-18, from: stream).storage === x.storage)
        #expect(dropout(.zeros([0, 3]), probability: 0.5, from: stream).shape == [0, 3])
    }
}
