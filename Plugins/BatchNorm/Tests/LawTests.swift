import Ballast
import BallastBatchNorm
import BallastTesting
import Testing

struct BatchNormLawTests {
    @Test func `keeps the laws of every technique`() {
        let violations = Laws.check(
            BatchNorm(), renamed: { BatchNorm(named: $0) }, promises: .normalization.subtracting(.takesSingleSamples))
        #expect(violations.isEmpty, "\(violations)")
    }

    @Test func `keeps them with other settings, too`() {
        let violations = Laws.check(BatchNorm(momentum: nil), promises: .normalization.subtracting(.takesSingleSamples))
        #expect(violations.isEmpty, "\(violations)")
    }
}
