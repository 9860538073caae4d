import Ballast
import BallastGroupNorm
import BallastTesting
import Testing

struct GroupNormLawTests {
    @Test func `keeps the laws of every technique`() {
        let violations = Laws.check(
            GroupNorm(groups: 2), renamed: { GroupNorm(groups: 2, named: $0) }, promises: .normalization)
        #expect(violations.isEmpty, "\(violations)")
    }
}
