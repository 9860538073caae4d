import Ballast
import BallastDecoupledDecay
import BallastTesting
import Testing

struct DecoupledDecayLawTests {
    @Test func `keeps the laws of every technique`() {
        let violations = Laws.check(
            DecoupledDecay(0.1), neutral: DecoupledDecay(0), renamed: { DecoupledDecay(0.1, named: $0) })
        #expect(violations.isEmpty, "\(violations)")
    }
}
