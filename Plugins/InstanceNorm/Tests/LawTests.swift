import Ballast
import BallastInstanceNorm
import BallastTesting
import Testing

struct InstanceNormLawTests {
    @Test func `keeps the laws of every technique`() {
        let violations = Laws.check(
            InstanceNorm(), renamed: { InstanceNorm(named: $0) }, promises: .normalization,
            scenes: [.convolutional, .transformer])
        #expect(violations.isEmpty, "\(violations)")
    }
}
