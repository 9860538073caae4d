import Ballast
import BallastTesting
import OutsideTechniques
import Testing

/// Noise that all samples of a batch share.
struct Jitter: Layer {
    func forward(_ x: Tensor, in scope: Scope) -> Tensor {
        guard scope.phase.isNoisy else { return x }
        return x * (.normal([1, x.shape[1]], deviation: 0.3, from: scope.random()) + 1)
    }
}

/// Each technique keeps the laws, and a broken form of it does not.
struct TechniqueLawTests {
    private let noisy = Scene(
        "the noisy perceptron",
        model: Sequential {
            Flatten()
            Linear(8); Softplus(); Jitter()
            Linear(3)
        }, data: Scene.perceptron.data, validation: Scene.perceptron.validation, batchSize: 4)

    private func expectNone(_ violations: [Violation], location: SourceLocation = #_sourceLocation) {
        #expect(violations.map(\.description) == [], sourceLocation: location)
    }

    private func expect(_ violations: [Violation], _ laws: Set<Law>, location: SourceLocation = #_sourceLocation) {
        #expect(Set(violations.map(\.law)) == laws, "\(violations)", sourceLocation: location)
    }

    @Test func `label smoothing`() {
        expectNone(
            Laws.check(LabelSmoothing(), neutral: LabelSmoothing(0), renamed: { LabelSmoothing(named: $0) }))
        expect(Laws.check(LossySmoothing(), scenes: [.perceptron]), [.targets])
    }

    @Test func `max-norm`() {
        // It acts where a unit is too long, which at some step none may be.
        expectNone(
            Laws.check(
                MaxNorm(0.5), neutral: MaxNorm(1e9), renamed: { MaxNorm(0.5, named: $0) },
                promises: Laws.Promises.standard(for: MaxNorm()).subtracting(.staysActive)))
        expect(Laws.check(InitialMaxNorm(), scenes: [.perceptron]), [.active])
    }

    @Test func `R-Drop`() {
        expectNone(Laws.check(RDrop(), renamed: { RDrop(named: $0) }, scenes: [noisy]))
        expect(Laws.check(SummedRDrop(), scenes: [noisy]), [.batchSize])
    }

    @Test func `adversarial training`() {
        expectNone(
            Laws.check(
                AdversarialTraining(0.05), neutral: AdversarialTraining(0),
                renamed: { AdversarialTraining(0.05, named: $0) }))
        expect(Laws.check(ForgetfulAdversary(), scenes: [.perceptron]), [.draws])
    }

    @Test func `a penalty of the input's gradient`() {
        expectNone(
            Laws.check(
                InputGradientPenalty(0.1), neutral: InputGradientPenalty(0),
                renamed: { InputGradientPenalty(0.1, named: $0) }))
        expect(Laws.check(ConstantGradientPenalty(), scenes: [.perceptron]), [.gradients, .active])
    }

    @Test func `manifold mixup`() {
        expectNone(
            Laws.check(
                ManifoldMixup(before: ["linear1", "linear2"]),
                renamed: { ManifoldMixup(before: ["linear1", "linear2"], named: $0) },
                scenes: [.perceptron, .singleSamples]))
        expectNone(Laws.check(ManifoldMixup(before: ["conv1", "conv2"]), scenes: [.convolutional]))
        expect(Laws.check(ApartMixup(), scenes: [.perceptron]), [.pairing])
    }

    @Test func `a moving average`() {
        expectNone(Laws.check(ExponentialAverage(0.9), renamed: { ExponentialAverage(0.9, named: $0) }))
        expect(Laws.check(LateAverage(), scenes: [.perceptron]), [.average])
    }

    @Test func `stochastic weight averaging`() {
        expectNone(
            Laws.check(
                StochasticWeightAveraging(), neutral: StochasticWeightAveraging(from: 1000),
                renamed: { StochasticWeightAveraging(named: $0) }))
        expect(Laws.check(ForgetfulMean(), scenes: [.perceptron]), [.resume, .isolation])
    }

    @Test func `stochastic depth`() {
        expectNone(
            Laws.check(
                StochasticDepth(0.3), neutral: StochasticDepth(0), renamed: { StochasticDepth(0.3, named: $0) }))
        expect(Laws.check(UnscaledDepth(), scenes: [.residual]), [.expectation])
    }

    @Test func `spectral norm`() {
        let promises = Laws.Promises.normalization.subtracting(.exactGradients)
        expectNone(Laws.check(SpectralNorm(), renamed: { SpectralNorm(named: $0) }, promises: promises))
        expect(
            Laws.check(ForgetfulSpectralNorm(), promises: promises, scenes: [.perceptron]), [.resume, .isolation])
    }

    @Test func `centers of classes, which are trained`() {
        expectNone(
            Laws.check(CenterLoss(0.1), neutral: CenterLoss(0), renamed: { CenterLoss(0.1, named: $0) }))
        expect(Laws.check(SummedCenterLoss(), scenes: [.perceptron]), [.batchSize])
    }
}
