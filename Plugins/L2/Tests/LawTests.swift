import Ballast
import BallastL2
import BallastTesting
import Testing

struct L2LawTests {
    @Test func `keeps the laws of every technique`() {
        let violations = Laws.check(L2(0.01), neutral: L2(0), renamed: { L2(0.01, named: $0) }, degree: 2)
        #expect(violations.isEmpty, "\(violations)")
    }

    @Test func `keeps them with other settings, too`() {
        let violations = Laws.check(L2(0.01, on: .all, convention: .full), degree: 2)
        #expect(violations.isEmpty, "\(violations)")
    }
}
