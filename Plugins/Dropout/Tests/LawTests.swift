import Ballast
import BallastDropout
import BallastTesting
import Testing

struct DropoutLawTests {
    @Test func `keeps the laws of every technique`() {
        let violations = Laws.check(Dropout(0.5), neutral: Dropout(0), renamed: { Dropout(0.5, named: $0) })
        #expect(violations.isEmpty, "\(violations)")
    }

    @Test func `keeps them with other settings, too`() {
        let violations = Laws.check(Dropout(0.3, per: .channel), scenes: [.convolutional, .transformer])
        #expect(violations.isEmpty, "\(violations)")
    }
}
