/// The rules about compositions that hold for any technique of some traits, whoever wrote it.
struct TraitRules {
    let technique: any Technique
    let context: CompositionContext
    private let traits: Set<TechniqueTrait>

    private let index: Int

    init(_ technique: any Technique, at index: Int, _ context: CompositionContext) {
        self.technique = technique
        self.index = index
        self.context = context
        traits = technique.traits
    }

    /// What the rules say about the technique; what concerns two is said once.
    var diagnostics: [Diagnostic] {
        guard !traits.contains(.noEffect) else { return [noEffect] }
        return decayDiagnostics + flowDiagnostics + labelDiagnostics + averageDiagnostics + clippingDiagnostics
            + replacementDiagnostics
    }

    private func warning(
        _ identifier: String, _ message: String, reason: String, source: String, suggestion: String
    ) -> Diagnostic {
        Diagnostic(
            .warning, identifier, technique: technique.name, message: message, reason: reason, source: source,
            suggestion: suggestion)
    }

    private var noEffect: Diagnostic {
        Diagnostic(
            .warning, "no-effect", technique: technique.name, message: "changes nothing with these hyper-parameters",
            reason: "its strength or probability is 0",
            suggestion: "give it a value above 0, or leave the technique out")
    }

    /// The techniques listed before this one.
    private var earlier: ArraySlice<any Technique> { context.techniques[..<index] }

    // MARK: Decay

    private static let shrinking: [TechniqueTrait] = [.decay, .magnitudePenalty]

    private var decayDiagnostics: [Diagnostic] {
        guard !traits.isDisjoint(with: TraitRules.shrinking) else { return [] }
        return adaptiveDiagnostics + doubleDiagnostics + roleDiagnostics + scaleFreeDiagnostics
    }

    private var adaptiveDiagnostics: [Diagnostic] {
        guard traits.contains(.coupled), context.optimizer.isAdaptive else { return [] }
        let optimizer = String(describing: type(of: context.optimizer))
        return [
            warning(
                "adaptive-l2", "shrinks weights through the gradients that \(optimizer) rescales",
                reason:
                    "an adaptive optimizer divides by the size of past gradients, so weights with large gradients are "
                    + "shrunk less, and the strength means something else than under SGD",
                source: "Loshchilov & Hutter, \"Decoupled Weight Decay Regularization\", ICLR 2019, arXiv 1711.05101",
                suggestion: traits.contains(.decay)
                    ? "use decoupled decay, which acts beside the optimizer's step, or an optimizer such as SGD"
                    : "use a proximal step, which acts after the optimizer's, or an optimizer such as SGD")
        ]
    }

    private var doubleDiagnostics: [Diagnostic] {
        let mine = context.parameters(of: technique)
        return earlier.compactMap { other in
            guard TraitRules.shrinking.contains(where: { traits.contains($0) && other.traits.contains($0) }) else {
                return nil
            }
            let theirs = Set(context.parameters(of: other))
            let common = mine.filter(theirs.contains)
            guard !common.isEmpty else { return nil }
            return warning(
                "double-decay", "shrinks what \(other.name) shrinks already: \(list(common.map(\.path)))",
                reason: "the two add up: under SGD without momentum two decays are one with the sum of their strengths",
                source: "Loshchilov & Hutter, ICLR 2019, arXiv 1711.05101, proposition 1",
                suggestion: "keep one of them, or give them different parameters")
        }
    }

    private var roleDiagnostics: [Diagnostic] {
        let selected = context.parameters(of: technique)
        let normalizations = selected.filter { $0.role == .normalization }.map(\.path)
        let biases = selected.filter { $0.role == .bias }.map(\.path)
        var diagnostics: [Diagnostic] = []
        if !normalizations.isEmpty {
            diagnostics.append(
                warning(
                    "decay-on-normalization", "shrinks parameters of normalizations: \(list(normalizations))",
                    reason: "their value without effect is a scale of 1, not 0: shrinking them scales the signal down",
                    source:
                        "He et al., \"Bag of Tricks for Image Classification\", CVPR 2019, arXiv 1812.01187, sec. 3.1",
                    suggestion: "select .weights, the default"))
        }
        if !biases.isEmpty {
            diagnostics.append(
                warning(
                    "decay-on-bias", "shrinks biases: \(list(biases))",
                    reason:
                        "a bias sets a level, not how strongly outputs vary: shrinking it underfits and hardly regularizes",
                    source: "Goodfellow, Bengio & Courville, \"Deep Learning\", 2016, sec. 7.1",
                    suggestion: "select .weights, the default"))
        }
        return diagnostics
    }

    /// Warns about L2 on weights that feed a normalization layer: their scale has no effect on the output, so that L2 only
    /// changes the effective learning rate.
    private var scaleFreeDiagnostics: [Diagnostic] {
        guard traits.isSuperset(of: [.decay, .coupled]) else { return [] }
        let weights = context.parameters(of: technique).filter { $0.role == .weight }
        return context.techniques(with: .normalization).compactMap { norm in
            let feeding = Set(context.sites(of: norm).filter { $0.position != .around }.flatMap(\.fedBy))
            let scaleFree = weights.filter { feeding.contains($0.layer) }.map(\.path)
            guard !scaleFree.isEmpty else { return nil }
            return warning(
                "l2-before-norm", "penalizes weights whose scale \(norm.name) takes out: \(list(scaleFree))",
                reason: "their size does not change what the model computes, so the penalty does not regularize it: "
                    + "smaller weights only make the effective learning rate η/‖w‖² larger",
                source:
                    "van Laarhoven, \"L2 Regularization versus Batch and Weight Normalization\", 2017, arXiv 1706.05350",
                suggestion:
                    "leave these weights out, on: .excluding(.weights, .named(...)), or silence this if the learning "
                    + "rate is what is meant")
        }
    }

    // MARK: Layers

    private var flowDiagnostics: [Diagnostic] {
        guard traits.contains(.masksAtRandom) else { return [] }
        let norms = Set(context.techniques(with: .batchStatistics).map(\.name))
        guard let first = context.sites.firstIndex(where: { $0.technique == technique.name }),
            let later = context.sites[first...].first(where: { norms.contains($0.technique) })
        else { return [] }
        return [
            warning(
                "dropout-before-batch-norm",
                "zeroes at \(context.sites[first]) what flows to \(later.technique) at \(later)",
                reason:
                    "zeroing changes the variance in training only: a mean c and variance v become (c² + v)/q − c² at a "
                    + "keep rate q, and evaluation normalizes by the wrong one",
                source: "Li et al., \"Understanding the Disharmony between Dropout and Batch Normalization by Variance "
                    + "Shift\", CVPR 2019, arXiv 1801.05134",
                suggestion: "put it after the last normalization by batches, or normalize each sample by itself")
        ]
    }

    // MARK: Labels, averages, clipping

    private var labelDiagnostics: [Diagnostic] {
        guard traits.contains(.editsLabels), !traits.contains(.givesProbabilities), context.loss.target == .classes
        else { return [] }
        let others = context.techniques(with: .editsLabels).map(\.name).filter { $0 != technique.name }
        guard !others.isEmpty else { return [] }
        return [
            warning(
                "labels-without-probabilities",
                "changes labels without making probabilities of them, beside \(list(others))",
                reason: "changes of labels commute, and take each other's results, as probabilities only",
                source:
                    "Szegedy et al., CVPR 2016, arXiv 1512.00567; Zhang et al., \"mixup\", ICLR 2018, arXiv 1710.09412",
                suggestion:
                    "start with batch.probabilities(classes:), return probabilities, and declare .givesProbabilities"
            )
        ]
    }

    private var averageDiagnostics: [Diagnostic] {
        guard traits.contains(.averagesWeights) else { return [] }
        return earlier.filter { $0.traits.contains(.averagesWeights) }.map { other in
            warning(
                "two-averages", "uses averaged weights in place of the parameters, as \(other.name) does",
                reason: "only one average can take the parameters' place: the later listed replaces the earlier",
                source: "Izmailov et al., \"Averaging Weights Leads to Wider Optima\", UAI 2018, arXiv 1803.05407",
                suggestion: "keep one of them")
        }
    }

    private var clippingDiagnostics: [Diagnostic] {
        guard traits.contains(.addsToGradients), let stage = (technique as? any GradientTransform)?.stage else {
            return []
        }
        let clipping = earlier.filter {
            $0.traits.contains(.clipsGradients) && ($0 as? any GradientTransform)?.stage == stage
        }
        return clipping.map { clip in
            warning(
                "clip-before-addition", "adds to the gradients after \(clip.name) has bounded them",
                reason: "transforms act in the order of the list, so the sum is not bounded any more",
                source: "Pascanu et al., ICML 2013, arXiv 1211.5063; noise after the clip is meant in Abadi et al., "
                    + "\"Deep Learning with Differential Privacy\", CCS 2016, arXiv 1607.00133",
                suggestion: "list \(clip.name) after it, or silence this if the noise is meant to stay")
        }
    }

    private var replacementDiagnostics: [Diagnostic] {
        guard traits.contains(.replacesGradients), let stage = (technique as? any GradientTransform)?.stage else {
            return []
        }
        return earlier.filter { ($0 as? any GradientTransform)?.stage == stage }.map { other in
            Diagnostic(
                .error, "replaced-gradients", technique: technique.name,
                message: "replaces the gradients that \(other.name) has changed before",
                reason: "transforms act in the order of the list, so what \(other.name) does is lost",
                source: "Foret et al., \"Sharpness-Aware Minimization\", ICLR 2021, arXiv 2010.01412",
                suggestion: "list \(other.name) after it")
        }
    }

    /// A few names, and how many more there are.
    private func list(_ names: [String]) -> String {
        let rest = names.count - 4
        return names.prefix(4).joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }
}
