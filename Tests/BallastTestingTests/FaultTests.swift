import Ballast
import BallastTesting
import Testing

/// Faults that shipped elsewhere: the kit names each by a sentence of its own.
struct FaultTests {
    private func expect(
        _ violations: [Violation], _ law: Law, _ words: String, location: SourceLocation = #_sourceLocation
    ) {
        let sentences = violations.map(\.description)
        let isNamed = violations.contains { $0.law == law && $0.description.contains(words) }
        #expect(isNamed, "no sentence of \"\(law.rawValue)\" says \"\(words)\": \(sentences)", sourceLocation: location)
    }

    private func expectNone(
        _ violations: [Violation], _ note: Comment = "the right one", location: SourceLocation = #_sourceLocation
    ) {
        #expect(violations.map(\.description) == [], note, sourceLocation: location)
    }

    @Test func `a penalty that acts on the first step only, for it used its parameters up`() {
        expect(
            Laws.check(ExhaustedL1(), scenes: [.perceptron]), .active,
            "at hook lossPenalty it changes nothing at any of")
    }

    @Test func `an L2 that is the norm and not its square`() {
        expect(
            Laws.check(NormL2(), degree: 2, scenes: [.perceptron]), .degree,
            "with all parameters doubled the penalty is 2.0 times as much; expected: 4.0 times")
        expectNone(Laws.check(NormL2(), degree: 1, scenes: [.perceptron]), "as a norm, it is right")
    }

    @Test func `an activity penalty that is off by the batch size`() {
        expect(
            Laws.check(SummedActivity(), scenes: [.perceptron]), .batchSize,
            "2.0 times as much; expected: the same penalty: a mean over the batch, not a sum")
        expectNone(Laws.check(MeanActivity(), scenes: [.perceptron, .transformer]))
    }

    @Test func `a dropout that rescales neither in training nor in evaluation`() {
        expect(
            Laws.check(UnscaledDropout(), scenes: [.perceptron]), .expectation,
            "after relu1, training changes the sum by -")
    }

    @Test func `a batch norm that ignores the phase`() {
        let promises = Laws.Promises.normalization.subtracting(.takesSingleSamples)
        expect(
            Laws.check(PhaselessNorm(), promises: promises, scenes: [.perceptron]), .evaluation,
            "with the other samples of its batch; expected: a function of the sample alone: does it look at the phase?")
    }

    @Test func `a dropout that ignores the phase`() {
        expect(
            Laws.check(EternalDropout(), scenes: [.perceptron]), .evaluation,
            "the output in evaluation is changed by")
    }

    @Test(arguments: [Scene.perceptron, .convolutional])
    func `a running variance stored biased`(scene: Scene) {
        let promises = Laws.Promises.normalization.subtracting(.takesSingleSamples)
        expect(
            Laws.check(BiasedNorm(), promises: promises, scenes: [scene]), .statistics,
            "the biased one (divided by n); expected:")
    }

    @Test func `label smoothing with mixup giving different targets in the two orders`() {
        expect(
            Laws.check(HardSmoothing(), scenes: [.perceptron]), .targets,
            "before and after a mixing of samples, its targets differ by")
        expect(
            Laws.check(HardMixup(), scenes: [.perceptron]), .targets,
            "before and after a mixing of samples, its targets differ by")
        expectNone(Laws.check(Smoothing(), scenes: [.perceptron]))
    }

    @Test func `state lost on resume`() {
        let sentence = "stopped after step 4 and resumed, "
        expect(Laws.check(ForgetfulAverages(), scenes: [.perceptron]), .resume, sentence + "the loss of epoch 1 is")
        expect(Laws.check(ForgetfulStopping(), scenes: [.perceptron]), .resume, sentence + "3 epochs were made, not 2")
        expect(Laws.check(ForgetfulSharpness(), scenes: [.perceptron]), .resume, sentence + "the loss of epoch 1 is")
        expect(Laws.check(ForgetfulNoise(), scenes: [.perceptron]), .resume, sentence + "the loss of epoch 1 is")
    }

    @Test func `two instances of one class sharing one state`() {
        expect(
            Laws.check(SharedVelocity(), scenes: [.perceptron]), .separate,
            "expected: an instance that knows nothing of the other")
    }

    @Test func `a swap that is not undone when a run is cancelled or throws`() {
        expect(
            Laws.check(SwapByHand(), scenes: [.perceptron]), .undone,
            "a run that is cancelled there, or fails in the next step, keeps what was swapped in")
        expectNone(Laws.check(SwapForValidation(), scenes: [.perceptron]))
    }

    @Test func `a validation loss with the penalties in it`() {
        expect(
            Laws.check(PenaltyInTheOutput(), scenes: [.perceptron]), .validation,
            "with something of the technique in it; expected:")
    }
}
