import Ballast
import BallastTesting
import Testing

/// A technique with a mistake that its author might make, and what the kit says of it.
struct Mistake: Sendable, CustomTestStringConvertible {
    let name: String
    let law: Law
    /// The laws that cannot but be broken along with it.
    let others: Set<Law>
    /// Where it is seen.
    let scenes: [Scene]
    /// What the sentences say of it.
    let words: [String]
    let check: @Sendable ([Scene]) -> [Violation]

    var testDescription: String { name }

    init(
        _ name: String, _ law: Law, with others: Set<Law> = [], in scenes: [Scene] = Scene.standard,
        says words: String..., check: @escaping @Sendable ([Scene]) -> [Violation]
    ) {
        self.name = name
        self.law = law
        self.others = others
        self.scenes = scenes
        self.words = words
        self.check = check
    }

    /// The scenes with batches of several samples.
    private static let severalSamples: [Scene] = [.perceptron, .convolutional, .transformer, .residual]

    static let all = [
        Mistake(
            "a site that no scene has", .composes, in: [.perceptron, .singleSamples], says: "[no-such-site]",
            ".after(\"relu7\")", "relu1 (relu)",
            "give `scenes:` that the technique is made for"
        ) { scenes in
            struct Lost: LayerWrapper {
                var sites: [Site] { [.after("relu7")] }
                func forwardWrapper(_ call: LayerCall, in context: LayerContext) -> Tensor { call.next() }
            }
            return Laws.check(Lost(), scenes: scenes)
        },
        Mistake(
            "a penalty whose gradient is not that of its value", .gradients, says: "the objective changes by",
            "along a direction of \"linear1.weight\"", "by central differences, but the gradient says"
        ) { Laws.check(HalfGradient(), scenes: $0) },
        Mistake(
            "a wrapper whose gradient is not that of its value", .gradients, says: "by central differences"
        ) { Laws.check(HalfPassage(), promises: [.exactGradients, .takesSingleSamples], scenes: $0) },
        Mistake(
            "a wrapper whose gradient is 1 % too large", .gradients, says: "by central differences"
        ) { Laws.check(LargeGradient(factor: 1.01), promises: [.exactGradients, .takesSingleSamples], scenes: $0) },
        Mistake(
            "a wrapper whose gradient is 0.2 % too large", .gradients, in: [.perceptron],
            says: "what the technique adds to the gradients"
        ) { Laws.check(LargeGradient(factor: 1.002), promises: [.exactGradients, .takesSingleSamples], scenes: $0) },
        Mistake(
            "a small term that nobody accounts for", .gradients, says: "with a loss of 0, the gradient of",
            "a term of its own is a LossPenalty"
        ) { Laws.check(HiddenTerm(strength: 1e-7), scenes: $0) },
        Mistake(
            "a small term beside that of the penalty", .gradients, says: "by central differences"
        ) { Laws.check(HalfAccounted(strength: 1e-6), scenes: $0) },
        Mistake(
            "sums whose order depends on the threads", .deterministic, in: [.perceptron],
            says: "on 3 threads, the penalty of epoch 0 is",
            "an order that does not depend on the number of threads"
        ) { Laws.check(SharedSum(), degree: 2, scenes: $0) },
        Mistake(
            "an evaluation that is not the stated one", .evaluation, in: [.perceptron, .singleSamples],
            says: "after softplus1 gives values that differ by",
            "the stated function of its input of shape [4, 8]", "of shape [1, 8]"
        ) { scenes in
            let promises = Laws.Promises.standard(for: ClassicDropout(factor: 0.3)).subtracting([
                .evaluationIsIdentity, .preservesExpectation,
            ])
            return Laws.check(
                ClassicDropout(factor: 0.3), promises: promises, evaluation: { $0 * 0.7 }, scenes: scenes)
        },
        Mistake(
            "a penalty within what layers compute", .validation, with: [.evaluation, .expectation],
            in: [.perceptron, .singleSamples, .transformer],
            says: "the validation loss is",
            "with something of the technique in it", "the loss of the data under the same parameters"
        ) { Laws.check(PenaltyInTheOutput(), scenes: $0) },
        Mistake(
            "noise that changes the mean", .expectation, says: "training changes the sum by -",
            "deviations over", "is what is kept scaled up?"
        ) { Laws.check(UnscaledDropout(), scenes: $0) },
        Mistake(
            "a penalty that sums over the batch", .batchSize, says: "on each of them twice",
            "the same penalty: a mean over the batch, not a sum"
        ) { Laws.check(SummedActivity(), scenes: $0) },
        Mistake(
            "a norm in place of its square", .degree, says: "with all parameters doubled the penalty is 2.0 times",
            "4.0 times, as a penalty of degree 2 is: is it a norm in place of its square?"
        ) { Laws.check(NormL2(), degree: 2, scenes: $0) },
        Mistake(
            "a list that is used up", .active, with: [.resume, .isolation],
            says: "at hook lossPenalty it changes nothing at any of", "is its strength not zero"
        ) { Laws.check(ExhaustedL1(), scenes: $0) },
        Mistake(
            "a penalty that is a constant", .active, says: "at hook lossPenalty it changes nothing at any of"
        ) { scenes in
            struct Constant: LossPenalty {
                func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor { Tensor(0.1) }
            }
            return Laws.check(Constant(), scenes: scenes)
        },
        Mistake(
            "noise that fades by a division of whole numbers", .active,
            says: "at hook gradientTransform it acts at the first step, but no longer at the second"
        ) { Laws.check(FadingNoise(), scenes: $0) },
        Mistake(
            "a penalty that ends where it should begin", .active,
            says: "at hook lossPenalty it acts at the first step, but no longer at the last"
        ) { Laws.check(EarlyL2(), scenes: $0) },
        Mistake(
            "a selection of its own that matches nothing", .active,
            says: "at hook lossPenalty it changes nothing at any of", "does its selection match anything"
        ) { scenes in
            struct Idle: LossPenalty {
                func lossPenalty(_ parameters: Parameters, in context: PenaltyContext) -> Tensor {
                    parameters.matching(.named("decoder.*")).sumOfSquares()
                }
            }
            return Laws.check(Idle(), degree: 2, scenes: scenes)
        },
        Mistake(
            "a strength that is not that of all terms", .neutral, says: "with HalfStrength at strength zero, ",
            "where it should be", "what training gives without it"
        ) { Laws.check(HalfStrength(strength: 0.1), neutral: HalfStrength(strength: 0), scenes: $0) },
        Mistake(
            "a name that is another one in every process", .roundTrip, says: "what it saved at step",
            "cannot be loaded", "it holds state of the techniques [UniquePlateau-",
            "does its name, or that of its state, differ from one instance to the next?"
        ) { Laws.check(UniquePlateau(), scenes: $0) },
        Mistake(
            "a best value in a property", .resume, with: [.isolation], says: "stopped after step",
            "and resumed, 3 epochs were made, not 2",
            "is there state outside the scope?"
        ) { Laws.check(ForgetfulStopping(), scenes: $0) },
        Mistake(
            "a name that is not kept", .separate, says: "asked for the name \"Twin\", it is called \"MeanActivity\""
        ) { Laws.check(MeanActivity(), renamed: { _ in MeanActivity() }, scenes: $0) },
        Mistake(
            "masks that are remembered for all runs", .isolation, says: "beside another run of the same composition, ",
            "does it keep in a property what belongs to a run?"
        ) { Laws.check(RememberedMasks(), scenes: $0) },
        Mistake(
            "a batch that does not know its samples", .draws,
            says: "a technique listed after it draws other numbers for the samples of the batch",
            "is a new batch made, which forgets what samples it has"
        ) { Laws.check(FreshNoise(), scenes: $0) },
        Mistake(
            "a layer that is computed past those who wrap it", .order,
            says: "of First and Second, in this order, only Second acts", "call.next() is what runs the layer"
        ) { Laws.check(LonelySlope(), promises: .normalization, scenes: $0) },
        Mistake(
            "averages that are swapped in by hand", .undone,
            says: "a run that is cancelled there, or fails in the next step, keeps what was swapped in",
            "return them from variablesForValidation(in:)"
        ) { Laws.check(SwapByHand(), scenes: $0) },
        Mistake(
            "a logarithm at zero", .finite, says: "input times 0.0 ends in:", "the penalty of \"RootOfActivity\"",
            "finite numbers, as without it"
        ) { Laws.check(RootOfActivity(), scenes: $0) },
        Mistake(
            "a variance stored biased", .statistics, in: severalSamples, says: "the biased one (divided by n)",
            "the unbiased one (divided by n − 1)"
        ) { scenes in
            let promises = Laws.Promises.normalization.subtracting(.takesSingleSamples)
            return Laws.check(BiasedNorm(), promises: promises, scenes: scenes)
        },
        Mistake(
            "labels of mixed samples", .targets, in: severalSamples,
            says: "before and after a mixing of samples",
            "take probabilities, by batch.probabilities(classes:), and return them"
        ) { Laws.check(HardMixup(), promises: [.exactGradients], scenes: $0) },
        Mistake(
            "half of the samples", .batch, in: severalSamples, says: "hook forwardWrapper at the batch: returned",
            "as many samples as were handed over"
        ) { Laws.check(HalfBatch(), scenes: $0) },
        Mistake(
            "inputs in another order than targets", .pairing, in: severalSamples,
            says: "the target of row", "are inputs and targets put in different orders"
        ) { Laws.check(ShuffledInputs(), scenes: $0) },
        Mistake(
            "an average that is a step late", .average,
            says: "another last step of an epoch does not change what is offered", "Let its stage be .applied"
        ) { Laws.check(LateAverage(), scenes: $0) },
        Mistake(
            "an average that begins at 0", .average, says: "at a learning rate of 0, after step",
            "does the average begin at it, and do its weights sum to 1?"
        ) { Laws.check(AverageFromZero(), scenes: $0) },
        Mistake(
            "state that moves with every call of a layer", .repetition,
            says: "where a wrapper nearer to the layer runs it twice",
            "does state move with every call, where it should move with every step?"
        ) { Laws.check(CallCounter(), promises: .normalization, scenes: $0) },
        Mistake(
            "a loop over pairs of numbers", .cost, in: [.perceptron], says: "lossPenalty takes ", " % of a step",
            "at most 50.0 %"
        ) { Laws.check(PairwisePenalty(), promises: [.takesSingleSamples], costAtMost: 0.5, scenes: $0) },
    ]
}
