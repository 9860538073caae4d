public import BallastCore

/// Stops a run that no longer improves on the validation data, and restores its best epoch (Prechelt, 1998).
///
/// An epoch is an improvement if the monitored value is better than the best so far by more than `minDelta`; NaN is
/// never one. The run stops after `patience` epochs in a row without one. The variables of the best epoch, running statistics
/// included, are restored however the run ends. The rule is that of Keras and PyTorch Lightning.
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
    /// What is monitored: `validationLoss`, `trainLoss` or the name of a validation metric.
    public let monitor: String
    /// Which direction is better; nil for that of the metric.
    public let mode: Mode?
    /// The number of epochs in a row without improvement after which the run stops, at least 1.
    public let patience: Int
    /// The least change that counts as an improvement.
    public let minDelta: Double
    /// The number of epochs at the start that are not monitored.
    public let warmUp: Int
    /// Whether the best epoch's variables are restored.
    public let restoresBest: Bool

    /// Creates the rule.
    ///
    /// - Parameters:
    ///   - patience: after how many epochs in a row without improvement the run stops; at least 1.
    ///   - monitor: what is monitored; the validation loss by default, which has no penalties in it.
    ///   - mode: which direction is better; by default that of the metric: higher for accuracy, lower for a loss.
    ///   - minDelta: the least change that counts as an improvement; not negative.
    ///   - warmUp: the number of epochs at the start that are not monitored.
    ///   - restoresBest: whether the best epoch's variables are restored.
    ///   - name: the instance's name; two in one composition need different ones.
    public init(
        patience: Int, monitor: String = "validationLoss", mode: Mode? = nil, minDelta: Double = 0, warmUp: Int = 0,
        restoresBest: Bool = true, named name: String = "EarlyStopping"
    ) {
        require(patience >= 1, "EarlyStopping: the patience must be at least 1 but is \(patience)")
        require(
            minDelta >= 0 && minDelta.isFinite,
            "EarlyStopping: minDelta must be finite and not negative but is \(minDelta)")
        require(warmUp >= 0, "EarlyStopping: warmUp must not be negative but is \(warmUp)")
        self.name = name
        self.monitor = monitor
        self.mode = mode
        self.patience = patience
        self.minDelta = minDelta
        self.warmUp = warmUp
        self.restoresBest = restoresBest
    }

    /// Whether smaller is better for what is monitored: as the mode says, else as its metric says.
    private func minimizes(_ metrics: [MetricDescription]) -> Bool {
        if let mode { return mode == .minimum }
        return metrics.first { $0.name == monitor }?.isHigherBetter != true
    }

    /// Compares the epoch with the best so far; stops after `patience` epochs without improvement.
    public func epochCallback(_ epoch: EpochRecord, in context: EpochContext) -> EpochDecision {
        let sign = minimizes(context.metrics) ? 1.0 : -1.0
        let best = context.scope.number("best", initial: .infinity)
        let bestEpoch = context.scope.number("bestEpoch", initial: -1)
        let waited = context.scope.number("waited", initial: 0)
        guard epoch.epoch >= warmUp else { return .continue }

        var decision = EpochDecision.continue
        let value = epoch.value(monitor) ?? .nan
        if sign * value + minDelta < best.value {
            best.value = sign * value
            bestEpoch.value = Double(epoch.epoch)
            waited.value = 0
            if restoresBest { decision.finalVariables = context.validatedVariables }
        } else {
            waited.value += 1
        }
        if Int(waited.value) >= patience {
            let achieved =
                bestEpoch.value < 0
                ? "none was finite" : "best \(Float(sign * best.value)) in epoch \(Int(bestEpoch.value) + 1)"
            decision.stopReason = "no better \(monitor) for \(patience) epochs (\(achieved))"
        }
        return decision
    }

    /// Finds a monitored value that the run does not have or that penalties distort, and a patience longer than the run.
    public func diagnostics(in context: CompositionContext) -> [Diagnostic] {
        guard let metric = context.metrics.first(where: { $0.name == monitor }) else {
            return [unknownMonitor(context)]
        }
        var diagnostics: [Diagnostic] = []
        if let mode, (mode == .maximum) != metric.isHigherBetter {
            diagnostics.append(
                Diagnostic(
                    .warning, "monitor-against-direction", technique: name,
                    message: "keeps the \(mode == .maximum ? "highest" : "lowest") \"\(monitor)\", but "
                        + "\(metric.isHigherBetter ? "higher" : "lower") is better",
                    suggestion: "omit the mode: the metric decides the direction"))
        }
        let (needed, overflows) = warmUp.addingReportingOverflow(patience)
        if let epochs = context.epochs, epochs > 0, overflows || needed >= epochs {
            diagnostics.append(
                Diagnostic(
                    .warning, "patience-longer-than-run", technique: name,
                    message:
                        "can never stop: patience \(patience) and warm-up \(warmUp) in a run of \(epochs) epochs",
                    reason:
                        "the first monitored epoch is always an improvement, and the patience counts from there"
                        + (restoresBest ? "; only the best epoch is restored at the end" : ""),
                    source: "Prechelt, \"Early Stopping - But When?\", 1998",
                    suggestion:
                        "give the run more epochs, or choose a patience and warm-up that add up to less than \(epochs)")
            )
        }
        let penalties = context.techniques.filter {
            Composition.hooks(of: $0).contains(.lossPenalty) && !$0.traits.contains(.noEffect)
        }
        if monitor == "trainLoss", !penalties.isEmpty {
            diagnostics.append(
                Diagnostic(
                    .warning, "monitor-with-penalties", technique: name,
                    message:
                        "monitors \"trainLoss\", which does not include \(penalties.map(\.name).joined(separator: ", "))",
                    reason:
                        "training minimizes loss + penalties, so the training loss may rise while training works, and keeps "
                        + "falling while the model overfits",
                    source: "Prechelt, \"Early Stopping - But When?\", 1998",
                    suggestion: "hand validation data to fit and monitor \"validationLoss\", which detects overfitting"
                ))
        }
        return diagnostics
    }

    private func unknownMonitor(_ context: CompositionContext) -> Diagnostic {
        if !context.hasValidation {
            return Diagnostic(
                .error, "no-validation", technique: name,
                message: "monitors \"\(monitor)\", but the run has no validation data",
                suggestion:
                    "hand validation data to fit, for example the first part of train.split(0.1), or monitor \"trainLoss\""
            )
        }
        return Diagnostic(
            .error, "no-such-metric", technique: name,
            message: "monitors \"\(monitor)\", which the run does not measure",
            suggestion: "choose among: \(context.metrics.map(\.name).joined(separator: ", "))")
    }
}
