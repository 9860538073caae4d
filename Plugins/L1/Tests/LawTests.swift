import Ballast
import BallastL1
import BallastTesting
import Testing

struct L1LawTests {
    @Test func `keeps the laws of every technique`() {
        let violations = Laws.check(L1(0.01), neutral: L1(0), renamed: { L1(0.01, named: $0) }, degree: 1)
        #expect(violations.isEmpty, "\(violations)")
    }
}
