import Ballast
import BallastDataAugmentation
import BallastTesting
import Testing

struct DataAugmentationTechniqueLawTests {
    @Test func `keeps the laws of every technique`() {
        let violations = Laws.check(
            DataAugmentation(.horizontalFlip(), .rotation(degrees: 10)),
            neutral: DataAugmentation(.horizontalFlip(probability: 0)),
            renamed: { DataAugmentation(.horizontalFlip(), named: $0) })
        #expect(violations.isEmpty, "\(violations)")
    }

    @Test func `keeps them with other settings, too`() {
        let violations = Laws.check(DataAugmentation(.featureJitter(0.1)))
        #expect(violations.isEmpty, "\(violations)")
    }
}
