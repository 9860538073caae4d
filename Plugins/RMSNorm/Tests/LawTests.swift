import Ballast
import BallastRMSNorm
import BallastTesting
import Testing

struct RMSNormLawTests {
    @Test func `keeps the laws of every technique`() {
        let violations = Laws.check(
            RMSNorm(at: .before(.activations)), renamed: { RMSNorm(at: .before(.activations), named: $0) },
            promises: .normalization,
            evaluation: { x in x / ((x * x).mean(axes: [x.rank - 1], keepingDimensions: true) + 1e-6).squareRoot() })
        #expect(violations.isEmpty, "\(violations)")
    }
}
