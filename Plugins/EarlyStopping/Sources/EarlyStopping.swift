public import Ballast

/// Stops a run that no longer gets better on held-out data, and goes back to its best epoch (Prechelt, 1998).
///
/// An epoch is an improvement if the monitored number is better than the best so far by more than `minDelta`; NaN never
/// is. The run stops once `patience` epochs in a row were none. The variables of the best epoch, running statistics
/// included, are restored when the run stops and when it ends by itself. The rule is that of Keras and PyTorch Lightning.
///
/// - Order: callbacks are called from top to bottom, also after one has decided to stop.
/// - State: best value, epochs without improvement, and a copy of the best epoch's variables; saved with the run.
public struct EarlyStopping: EpochCallback {
    /// Which direction is better.
    public enum Mode: String, Sendable {
        /// Smaller is better.
        case minimum
        /// Greater is better.
        case maximum
    }

    /// The instance's name.
    public let name: String
    /// What is watched: `validationLoss`, `trainLoss` or the name of a validation metric.
    public let monitor: String
    /// Which direction is better.
    public let mode: Mode
    /// The number of epochs in a row without improvement after which the run stops, at least 1.
    public let patience: Int
    /// By more than this an epoch must be better to count as an improvement.
    public let minDelta: Double
    /// The number of epochs at the start that are not watched.
    public let warmUp: Int
    /// Whether the best epoch's variables are restored.
    public let restoresBest: Bool

    /// Creates the rule.
    ///
    /// - Parameters:
    ///   - patience: after how many epochs in a row without improvement the run stops; at least 1.
    ///   - monitor: what is watched; the validation loss by default, which has no penalties in it.
    ///   - mode: which direction is better.
    ///   - minDelta: by more than this an epoch must be better; not negative.
    ///   - warmUp: the number of epochs at the start that are not watched.
    ///   - restoresBest: whether the best epoch's variables are restored.
    ///   - name: the instance's name; two in one composition need different ones.
    public init(
        patience: Int, monitor: String = "validationLoss", mode: Mode = .minimum, minDelta: Double = 0, warmUp: Int = 0,
        restoresBest: Bool = true, named name: String = "EarlyStopping"
    ) {
        require(patience >= 1, "EarlyStopping: the patience must be at least 1 but is \(patience)")
        require(minDelta >= 0, "EarlyStopping: minDelta must not be negative but is \(minDelta)")
        require(warmUp >= 0, "EarlyStopping: warmUp must not be negative but is \(warmUp)")
        self.name = name
        self.monitor = monitor
        self.mode = mode
        self.patience = patience
        self.minDelta = minDelta
        self.warmUp = warmUp
        self.restoresBest = restoresBest
    }

    /// Counts the epochs without improvement, and decides.
    public func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision {
        let sign = mode == .minimum ? 1.0 : -1.0
        let best = context.scope.number("best", initial: .infinity)
        let bestEpoch = context.scope.number("bestEpoch", initial: -1)
        let waited = context.scope.number("waited", initial: 0)
        let snapshot = context.scope.snapshot("variables")
        guard epoch.epoch >= warmUp else { return .continue }

        let value = epoch.value(monitor) ?? .nan
        if sign * value + minDelta < best.value {
            best.value = sign * value
            bestEpoch.value = Double(epoch.epoch)
            waited.value = 0
            if restoresBest { snapshot.value = context.variables }
        } else {
            waited.value += 1
        }
        let stops = Int(waited.value) >= patience
        guard stops || context.isLast else { return .continue }
        let restored = restoresBest ? snapshot.value : nil
        if !stops { return EpochDecision(finalVariables: restored) }
        let achieved =
            bestEpoch.value < 0
            ? "none was finite" : "best \(Float(sign * best.value)) in epoch \(Int(bestEpoch.value) + 1)"
        return .stop("no better \(monitor) for \(patience) epochs (\(achieved))", restoring: restored)
    }

    /// Finds a monitored number that the run does not have or that penalties distort, and a patience that never ends.
    public func findings(in setting: CompositionSetting) -> [Finding] {
        guard setting.metrics.contains(monitor) else { return [unknownMonitor(setting)] }
        var findings: [Finding] = []
        if let epochs = setting.epochs, epochs > 0, warmUp + patience >= epochs {
            findings.append(
                Finding(
                    .warning, "patience-longer-than-run", technique: name,
                    message:
                        "can never stop: \(warmUp + patience) epochs of patience and warm-up in a run of \(epochs)",
                    reason:
                        "the first epoch that is watched is always an improvement, and the patience counts from there"
                        + (restoresBest ? "; only the best epoch is restored at the end" : ""),
                    source: "Prechelt, \"Early Stopping - But When?\", 1998",
                    cure: "give the run more epochs, or choose a patience and warm-up of less than \(epochs) together"))
        }
        let penalties = setting.techniques.filter { $0 is any LossPenalty && !$0.traits.contains(.idle) }
        if monitor == "trainLoss", !penalties.isEmpty {
            findings.append(
                Finding(
                    .warning, "monitor-with-penalties", technique: name,
                    message: "watches \"trainLoss\", which \(penalties.map(\.name).joined(separator: ", ")) trade away",
                    reason:
                        "training makes loss + penalties small, so the loss of the training data may rise while all "
                        + "goes well, and falls on while the model overfits",
                    source: "Prechelt, \"Early Stopping - But When?\", 1998",
                    cure: "hand validation data to fit and watch \"validationLoss\", which has no penalties in it"))
        }
        return findings
    }

    private func unknownMonitor(_ setting: CompositionSetting) -> Finding {
        if !setting.hasValidation {
            return Finding(
                .error, "no-validation", technique: name,
                message: "watches \"\(monitor)\", but the run has no validation data",
                cure: "hand validation data to fit, for example half of train.split(0.1), or monitor \"trainLoss\"")
        }
        return Finding(
            .error, "no-such-metric", technique: name,
            message: "watches \"\(monitor)\", which the run does not measure",
            cure: "choose among: \(setting.metrics.joined(separator: ", "))")
    }
}
