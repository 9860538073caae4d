import Ballast
import BallastElasticNet
import BallastTesting
import Testing

struct ElasticNetLawTests {
    @Test func `keeps the laws of every technique`() {
        let violations = Laws.check(ElasticNet(0.01), neutral: ElasticNet(0), renamed: { ElasticNet(0.01, named: $0) })
        #expect(violations.isEmpty, "\(violations)")
    }
}
