/// Why a run has ended.
public enum RunEnd: Sendable, Codable, Hashable, CustomStringConvertible {
    /// All requested epochs were run.
    case completed(epochs: Int)
    /// The run was to pause after this many epochs, before the requested ones were done.
    case paused(afterEpochs: Int)
    /// A technique decided to stop.
    case stopped(by: String, reason: String)
    /// A ``Cancellation`` ended the run.
    case cancelled
    /// An error ended the run; its description.
    case failed(String)

    /// The reason in words.
    public var description: String {
        switch self {
        case .completed(let epochs): "all \(epochs) epochs done"
        case .paused(let epochs): "paused after \(epochs) epochs"
        case .stopped(let technique, let reason): "\(technique): \(reason)"
        case .cancelled: "cancelled"
        case .failed: "error"
        }
    }
}
