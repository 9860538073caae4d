import Ballast
import BallastLayerNorm
import BallastTesting
import Testing

struct LayerNormLawTests {
    @Test func `keeps the laws of every technique`() {
        let violations = Laws.check(
            LayerNorm(at: .before(.activations)), renamed: { LayerNorm(at: .before(.activations), named: $0) },
            promises: .normalization)
        #expect(violations.isEmpty, "\(violations)")
    }
}
