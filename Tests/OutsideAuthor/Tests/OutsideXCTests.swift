import Ballast
import BallastTesting
import OutsideTechniques
import XCTest

/// The laws need no test framework: XCTest will do as well as Swift Testing, beside it.
final class OutsideXCTests: XCTestCase {
    func testGradientNoiseKeepsTheLaws() {
        let violations = Laws.check(GradientNoise(), neutral: GradientNoise(0), scenes: [.perceptron])
        XCTAssertEqual(violations.map(\.description), [])
    }

    func testAViolationReadsAsASentence() throws {
        let violations = Laws.check(ConfidencePenalty(), neutral: ConfidencePenalty(), scenes: [.perceptron])
        let violation = try XCTUnwrap(violations.first)
        XCTAssertEqual(violations.map(\.law), [.neutral])
        XCTAssertTrue(
            "\(violation)".hasPrefix("ConfidencePenalty breaks the law \"neutral at zero strength\" in the perceptron"))
    }
}
