import Ballast
import BallastProximalL1
import BallastTesting
import Testing

struct ProximalL1LawTests {
    @Test func `keeps the laws of every technique`() {
        let violations = Laws.check(ProximalL1(0.01), neutral: ProximalL1(0), renamed: { ProximalL1(0.01, named: $0) })
        #expect(violations.isEmpty, "\(violations)")
    }
}
