import Ballast
import BallastEarlyStopping
import BallastTesting
import Testing

struct EarlyStoppingLawTests {
    @Test func `keeps the laws of every technique`() {
        let violations = Laws.check(EarlyStopping(patience: 1), renamed: { EarlyStopping(patience: 1, named: $0) })
        #expect(violations.isEmpty, "\(violations)")
    }

    @Test func `keeps them with other settings, too`() {
        let violations = Laws.check(EarlyStopping(patience: 1, minDelta: 10))
        #expect(violations.isEmpty, "\(violations)")
    }
}
