import BallastPlugins
import Foundation

/// Shows the progress of a comparison: on a terminal in one line that is rewritten, in a pipe in one line per epoch.
///
/// Of runs in parallel, the line shows the first that has not ended.
final class Progress {
    private let epochs: Int
    private let runCount: Int
    private let namesSeed: Bool
    /// In a pipe, every how many epochs there is a line; nil for never.
    private let linesEvery: Int?
    private let output: OrderedOutput
    /// When and at which step each run began.
    private var starts: [Int: (time: ContinuousClock.Instant, step: Int)] = [:]
    private var shown = ContinuousClock.now
    private var warned: Set<String> = []

    /// Creates the display of a number of runs.
    ///
    /// - Parameters:
    ///   - namesSeed: whether a run's name includes its seed.
    ///   - isBrief: whether a pipe gets no lines for epochs.
    ///   - output: orders the lines of runs.
    init(epochs: Int, runCount: Int, namesSeed: Bool, isBrief: Bool, output: OrderedOutput) {
        self.epochs = epochs
        self.runCount = runCount
        self.namesSeed = namesSeed
        self.output = output
        linesEvery = isBrief ? nil : epochs <= 50 ? 1 : epochs / 20
    }

    /// Shows an event of the run with a number.
    func observe(_ number: Int, _ composition: String, _ seed: UInt64, _ event: RunEvent) {
        switch event {
        case .started(let started, let resumedFrom):
            starts[number] = (.now, started.stepCount)
            guard let resumedFrom else { return }
            let line = "\(name(composition, seed)): resumed in epoch \(started.epoch + 1) from \(resumedFrom)"
            output.write(number) { self.say(line) }
        case .warned(let diagnostic):
            output.write(number) {
                guard self.warned.insert("\(composition) \(diagnostic)").inserted else { return }
                self.say("\(composition): \(diagnostic.text(inColor: Terminal.hasColors))")
            }
        case .noted(let note):
            output.write(number) { self.say("\(self.name(composition, seed)): \(note)") }
        case .stepped(let stepped):
            guard Terminal.isInteractive, output.isFirst(number), ContinuousClock.now - shown > .milliseconds(100)
            else {
                return
            }
            shown = .now
            Terminal.rewriteLine(line(number, name(composition, seed), stepped))
        case .epochEnded(let ended, let record):
            guard !Terminal.isInteractive, let linesEvery else { return }
            guard (record.epoch + 1) % linesEvery == 0 || ended.isFinished else { return }
            let line = line(name(composition, seed), record)
            output.write(number) {
                print(line)
                Terminal.flush()
            }
        }
    }

    func finish(_ result: ComparedRun) {
        guard Terminal.isInteractive else { return }
        let reason = result.run.end?.description ?? ""
        say("\(name(result.composition, result.seed)): \(reason); \(Progress.duration(result.seconds))")
    }

    private func name(_ composition: String, _ seed: UInt64) -> String {
        namesSeed ? "\(composition), seed \(seed)" : composition
    }

    /// Writes a line that stays.
    private func say(_ text: String) {
        Terminal.clearLine()
        print(text)
        Terminal.flush()
    }

    /// The progress of a run in one line of the terminal; a long name is cut, and the last validation left out, if needed.
    private func line(_ number: Int, _ name: String, _ run: Run) -> String {
        let (start, startStep) = starts[number] ?? (.now, run.stepCount)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let steps = run.stepCount - startStep
        let step = run.stepCount - run.epoch * run.stepsPerEpoch
        let left = seconds / Double(max(steps, 1)) * Double(epochs * run.stepsPerEpoch - run.stepCount)
        var state = [
            "epoch \(run.epoch + 1)/\(epochs) step \(step)/\(run.stepsPerEpoch)", "\(Progress.duration(left)) left",
            "loss \(Progress.number(run.currentLoss))",
            "\(Progress.rate(Double(steps * run.trainer.batchSize) / seconds))/s",
        ].joined(separator: "  ")
        let head = "[\(number + 1)/\(runCount)] "
        let space = max(Terminal.width - head.count - state.count - 3, 10)
        let title = head + (name.count <= space ? name : name.prefix(space - 1) + "…")
        for part in run.history.last.map(Progress.validation) ?? []
        where title.count + state.count + part.count + 5 <= Terminal.width {
            state += "  " + part
        }
        return "\(title)  \(state)"
    }

    /// The results of an epoch.
    private func line(_ name: String, _ record: EpochRecord) -> String {
        var parts = [name, "epoch \(record.epoch + 1)/\(epochs)", "loss \(Progress.number(record.trainLoss))"]
        parts += record.penalties.map { "\($0.name) \(Progress.number($0.value))" }
        parts += Progress.validation(record)
        parts.append("\(Progress.rate(record.samplesPerSecond)) samples/s")
        return parts.joined(separator: "  ")
    }

    private static func validation(_ record: EpochRecord) -> [String] {
        guard let loss = record.validationLoss else { return [] }
        return ["validation loss \(number(loss))"] + record.validationMetrics.map { "\($0.name) \(number($0.value))" }
    }

    private static func number(_ value: Double) -> String {
        let isPlain = value == 0 || (abs(value) >= 1e-3 && abs(value) < 1e5)
        return String(format: isPlain ? "%.4f" : "%.2e", value)
    }

    /// A number of samples, in thousands if there are many.
    private static func rate(_ samples: Double) -> String {
        String(format: samples < 10_000 ? "%.0f" : "%.0fk", samples < 10_000 ? samples : samples / 1000)
    }

    /// A time for people: `0.4 s`, `1:05`, `2:03:20`.
    static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite else { return "?" }
        if seconds < 59.95 { return String(format: "%.1f s", seconds) }
        let whole = Int(seconds.rounded())
        let (hours, minutes) = (whole / 3600, whole / 60 % 60)
        return hours > 0
            ? String(format: "%d:%02d:%02d", hours, minutes, whole % 60)
            : String(format: "%d:%02d", minutes, whole % 60)
    }
}
