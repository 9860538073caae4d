internal import BallastCore

/// Checks the laws on one technique, one after the other.
struct LawChecker<Checked: Technique> {
    /// Makes the technique anew, as a new process would.
    let make: () -> Checked
    let instance: Checked
    let neutral: (any Technique)?
    let renamed: ((String) -> any Technique)?
    let promises: Laws.Promises
    let degree: Int?
    let evaluation: (@Sendable (Tensor) -> Tensor)?
    let maximumShare: Double?
    private(set) var violations: [Violation] = []

    init(
        make: @escaping () -> Checked, instance: Checked, neutral: (any Technique)?,
        renamed: ((String) -> any Technique)?, promises: Laws.Promises, degree: Int?,
        evaluation: (@Sendable (Tensor) -> Tensor)?, maximumShare: Double?
    ) {
        self.make = make
        self.instance = instance
        self.neutral = neutral
        self.renamed = renamed
        self.promises = promises
        self.degree = degree
        self.evaluation = evaluation
        self.maximumShare = maximumShare
    }

    var hooks: [Hook] { Composition.hooks(of: instance) }
    /// Whether it acts at layers, not only on batches.
    var wrapsLayers: Bool { instance is any LayerWrapper }
    var wrapsBatches: Bool { instance is any BatchWrapper }

    /// Whether the scene lacks a layer or parameter that the technique names, which is no fault of the technique.
    func lacksPlaces(_ scene: Scene) -> Bool {
        do {
            _ = try start(scene, [make()])
            return false
        } catch let error as CompositionError {
            let errors = error.diagnostics.filter { $0.severity == .error }.map(\.identifier)
            return errors.allSatisfy { ["no-such-site", "no-such-parameter"].contains($0) }
        } catch {
            return false
        }
    }

    /// Checks all laws in a scene.
    ///
    /// - Returns: whether it makes sense to check others: not where two equal runs differ, of which all else follows.
    mutating func check(_ scene: Scene) -> Bool {
        do {
            // As long as the longest of the runs that follow: what ends in an error is reported once.
            _ = try fit(scene, [make()], epochs: 4)
        } catch {
            reportFailure(error, scene)
            return true
        }
        attempt(.deterministic, scene) { try $0.checkDeterminism(scene) }
        guard !violations.contains(where: { $0.law == .deterministic }) else { return false }
        attempt(.gradients, scene) { try $0.checkGradients(scene) }
        attempt(.isolation, scene) { try $0.checkIsolation(scene) }
        attempt(.separate, scene) { try $0.checkSeparation(scene) }
        attempt(.draws, scene) { try $0.checkDraws(scene) }
        attempt(.resume, scene) { try $0.checkResume(scene) }
        attempt(.neutral, scene) { try $0.checkNeutrality(scene) }
        attempt(.active, scene) { try $0.checkActivity(scene) }
        attempt(.evaluation, scene) { try $0.checkEvaluation(scene) }
        attempt(.batchSize, scene) { try $0.checkPenalty(scene) }
        attempt(.expectation, scene) { try $0.checkExpectation(scene) }
        attempt(.statistics, scene) { try $0.checkStatistics(scene) }
        attempt(.repetition, scene) { try $0.checkRepetition(scene) }
        attempt(.targets, scene) { try $0.checkTargets(scene) }
        attempt(.pairing, scene) { try $0.checkPairing(scene) }
        attempt(.average, scene) { try $0.checkAverages(scene) }
        attempt(.order, scene) { try $0.checkOrder(scene) }
        attempt(.undone, scene) { try $0.checkUndoing(scene) }
        attempt(.finite, scene) { try $0.checkExtremes(scene) }
        attempt(.cost, scene) { try $0.checkCost(scene) }
        return true
    }

    private mutating func attempt(_ law: Law, _ scene: Scene?, _ body: (inout Self) throws -> Void) {
        do {
            try body(&self)
        } catch {
            report(law, scene, "a run failed: \(error)", "no error")
        }
    }

    /// Reports why the technique does not train in a scene.
    private mutating func reportFailure(_ error: any Error, _ scene: Scene) {
        let cause = (error as? TrainingError)?.underlying as? TechniqueError
        // A site begins with a dot; the batch has none.
        if let cause, cause.hook == .forwardWrapper, cause.site?.hasPrefix(".") == false {
            report(.batch, scene, cause.description, "as many samples as were handed over, of the same shape")
        } else {
            report(.composes, scene, "\(error)", "a run that ends well; give `scenes:` that the technique is made for")
        }
    }

    mutating func report(_ law: Law, _ scene: Scene?, _ seen: String, _ expected: String) {
        violations.append(
            Violation(law: law, technique: instance.name, scene: scene?.name, seen: seen, expected: expected))
    }

    // MARK: Runs

    func fit(
        _ scene: Scene, _ techniques: [any Technique], epochs: Int = 2, seed: UInt64 = 3,
        learningRate: Float = 0.05, checkpoints: CheckpointPolicy? = nil, cancellation: Cancellation? = nil,
        observer: ((RunEvent) -> Void)? = nil
    ) throws -> Run {
        try scene.trainer(techniques, learningRate: learningRate).fit(
            scene.data, validation: scene.validation, epochs: epochs, seed: seed, checkpoints: checkpoints,
            cancellation: cancellation, observer: observer)
    }

    func start(
        _ scene: Scene, _ techniques: [any Technique], epochs: Int = 2, seed: UInt64 = 3,
        checkpoints: CheckpointPolicy? = nil, observer: ((RunEvent) -> Void)? = nil
    ) throws -> Run {
        try scene.trainer(techniques).start(
            scene.data, validation: scene.validation, epochs: epochs, seed: seed, checkpoints: checkpoints,
            observer: observer)
    }

    /// Where two runs differ: in a bit, or by more than a tolerance relative to the greatest value; nil if nowhere.
    func difference(_ got: Variables, _ expected: Variables, tolerance: Float = 0) -> String? {
        for entry in expected.entries {
            guard let value = got[entry.path], value.shape == entry.value.shape else {
                return "the variable \"\(entry.path)\" is missing"
            }
            let (new, old) = (value.scalars, entry.value.scalars)
            let bound = tolerance * (old.map(abs).max() ?? 0) + tolerance * 1e-2
            for index in old.indices where new[index].bitPattern != old[index].bitPattern {
                guard tolerance == 0 || !(abs(new[index] - old[index]) <= bound) else { continue }
                return "\"\(entry.path)\" is \(new[index]) at element \(index) where it should be \(old[index])"
            }
        }
        return nil
    }

    /// Where the accounts of two runs differ; nil if nowhere.
    func difference(_ got: [EpochRecord], _ expected: [EpochRecord]) -> String? {
        guard got.count == expected.count else { return "\(got.count) epochs were made, not \(expected.count)" }
        for (new, old) in zip(got, expected) {
            if new.trainLoss != old.trainLoss {
                return "the loss of epoch \(new.epoch) is \(new.trainLoss) where it should be \(old.trainLoss)"
            }
            if new.penalties != old.penalties {
                return "the penalty of epoch \(new.epoch) is \(new.penalties.map(\.value)) where it should be "
                    + "\(old.penalties.map(\.value))"
            }
            if new.validationLoss != old.validationLoss {
                return "the validation loss of epoch \(new.epoch) is \(new.validationLoss ?? .nan) where it should be "
                    + "\(old.validationLoss ?? .nan)"
            }
        }
        return nil
    }

    func difference(_ got: Run, _ expected: Run) -> String? {
        difference(got.history, expected.history) ?? difference(got.variables, expected.variables)
    }
}
