import Tensors
import TestSupport
import Testing

/// Statistics of normalizations; values and gradients are with the other operations.
@Suite struct NormalizationTests {
    @Test func `moments are those of each channel, row or group`() {
        let shape: Shape = [4, 6, 5]
        let x = Tensor.normal(shape, mean: 2, deviation: 3, from: RandomStream(seed: 1, purpose: "x"))
        let channels = moments(x, .channels(of: shape))
        #expect(channels.mean.isClose(to: x.mean(axes: [0, 2]), relative: 1e-5))
        #expect(channels.variance.isClose(to: x.variance(axes: [0, 2]), relative: 1e-5))
        let rows = moments(x, .trailing(axes: 2, of: shape))
        #expect(rows.mean.isClose(to: x.mean(axes: [1, 2]), relative: 1e-5))
        let groups = moments(x, .groups(3, of: shape))
        let grouped = x.reshaped(to: [12, 10])
        #expect(groups.variance.isClose(to: grouped.variance(axes: [1]), relative: 1e-5))
    }

    @Test func `entries and groups are counted`() {
        let shape: Shape = [4, 6, 5]
        let channels = NormalizationGeometry.channels(of: shape)
        #expect(channels.groupCount == 6 && channels.entryCount == 6 && channels.elementsPerGroup == 20)
        let trailing = NormalizationGeometry.trailing(axes: 2, of: shape)
        #expect(trailing.groupCount == 4 && trailing.entryCount == 30 && trailing.elementsPerGroup == 30)
        let groups = NormalizationGeometry.groups(3, of: shape)
        #expect(groups.groupCount == 12 && groups.entryCount == 6 && groups.elementsPerGroup == 10)
    }

    @Test func `a variance beside a large mean is not lost`() {
        let noise = Tensor.normal([4096, 3], from: RandomStream(seed: 2, purpose: "x"))
        let variance = moments(noise + 1000, .channels(of: noise.shape)).variance
        #expect(relativeError(variance, noise.variance(axes: [0])) < 1e-3)
    }

    @Test func `variances are exact where the mean is large, and do not overflow`() {
        let close = Tensor([10000, 10000.001, 10000.002])
        // The elements are 10000 and one and two times 2^-10 more.
        let expected = Float(2.0 / 3) * 0x1p-20
        #expect(relativeError(close.variance(), Tensor(expected)) < 1e-6)
        #expect(relativeError(close.variance(unbiased: true), Tensor(0x1p-20)) < 1e-6)
        let huge = Tensor([[1e38, 1e38, 1e38, 1e38], [3e38, 3e38, 3e38, 3e38]])
        #expect(huge.variance(axes: [1]).scalars == [0, 0])
        #expect(huge.transposed().variance(axes: [0], keepingDimensions: true).scalars == [0, 0])
        let slope = gradient(at: close) { $0.variance() * 1e4 }
        #expect(relativeError(slope, Tensor([-1, 0, 1]) * (2e4 / 3 * 0x1p-10)) < 1e-6)
        #expect(Tensor([1, .infinity]).variance().item.isNaN && Tensor([]).variance().item.isNaN)
        #expect(Tensor.zeros([2, 0]).variance(axes: [1]).scalars.allSatisfy { $0.isNaN })
    }

    @Test func `given statistics of the input give the same as its own`() {
        let x = Tensor.normal([7, 5], mean: 1, from: RandomStream(seed: 3, purpose: "x"))
        let geometry = NormalizationGeometry.channels(of: x.shape)
        let own = normalized(x, geometry, weight: nil, bias: nil, epsilon: 1e-5)
        let given = normalized(
            x, geometry, mean: own.mean, variance: own.variance, weight: nil, bias: nil, epsilon: 1e-5)
        #expect(given.scalars == own.output.scalars)
        let rms = normalized(x, geometry, weight: nil, bias: nil, epsilon: 1e-5, centered: false)
        #expect(rms.mean.scalars.allSatisfy { $0 == 0 })
        #expect(relativeError(rms.variance, x.squared().mean(axes: [0])) < 1e-6)
    }

    @Test func `a batch of one is normalized to its bias`() {
        let geometry = NormalizationGeometry.channels(of: [1, 3])
        let x = Tensor([5, -1, 2], shape: [1, 3])
        let result = normalized(x, geometry, weight: nil, bias: Tensor([1, 2, 3]), epsilon: 1e-5)
        #expect(result.output.scalars == [1, 2, 3])
    }

    @Test func `only wanted gradients are computed`() {
        let x = Tensor.normal([6, 3], from: RandomStream(seed: 4, purpose: "x"))
        let weight = Tensor([1, 2, 3])
        let geometry = NormalizationGeometry.channels(of: x.shape)
        let alone = gradient(at: weight) { weight in
            normalized(x, geometry, weight: weight, bias: nil, epsilon: 1e-5).output.squared().sum()
        }
        let together = valueWithGradients(at: [x, weight]) {
            normalized($0[0], geometry, weight: $0[1], bias: nil, epsilon: 1e-5).output.squared().sum()
        }
        #expect(alone.scalars == together.gradients[1].scalars)
    }
}
