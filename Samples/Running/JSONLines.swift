import BallastPlugins
import Foundation

/// A JSON value whose fields keep their order.
enum JSON: CustomStringConvertible {
    case text(String)
    /// A number; what JSON cannot represent (NaN, infinity, nil) is null.
    case number(Double?)
    case integer(UInt64)
    case truth(Bool)
    case object([(name: String, value: JSON)])

    var description: String {
        switch self {
        case .text(let text): return JSON.quoted(text)
        case .number(let number): return number.flatMap { $0.isFinite ? "\($0)" : nil } ?? "null"
        case .integer(let number): return "\(number)"
        case .truth(let truth): return "\(truth)"
        case .object(let fields):
            return "{" + fields.map { "\(JSON.quoted($0.name)):\($0.value)" }.joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        return (try? encoder.encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
    }
}

/// The results of runs as JSON Lines: an object per epoch, and one per run that has ended.
final class JSONLines {
    private let file: FileHandle
    private let path: String
    /// The first error, after which nothing more is written.
    private(set) var failure: JSONLinesError?

    /// Creates the file, or empties it.
    init(_ url: URL) throws {
        path = url.path
        // Opened in place, not replaced: the path may be a pipe or a device.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        guard descriptor >= 0 else {
            throw UsageError(
                "option --json: \(path) cannot be written (\(String(cString: strerror(errno)))); name a file in a folder that exists"
            )
        }
        file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    func write(_ record: EpochRecord, sample: String, composition: String, seed: UInt64) {
        write([
            ("sample", .text(sample)), ("composition", .text(composition)), ("seed", .integer(seed)),
            ("epoch", .integer(UInt64(record.epoch))), ("trainLoss", .number(record.trainLoss)),
            ("trainMetric", .number(record.trainEvaluation?.metrics.first?.value)),
            ("penalties", .object(record.penalties.map { ($0.name, .number($0.value)) })),
            ("validationLoss", .number(record.validationLoss)),
            ("validationMetric", .number(record.validationMetrics.first?.value)), ("seconds", .number(record.seconds)),
        ])
    }

    func write(_ result: ComparedRun, sample: String) {
        write([
            ("sample", .text(sample)), ("composition", .text(result.composition)), ("seed", .integer(result.seed)),
            ("final", .truth(true)), ("testLoss", .number(result.test?.loss)),
            ("testMetric", .number(result.test?.metrics.first?.value)),
            ("stopReason", .text(result.run.end?.description ?? "")),
            ("epochs", .integer(UInt64(result.run.history.count))),
        ])
    }

    /// Writes an object.
    func write(_ fields: [(name: String, value: JSON)]) {
        guard failure == nil else { return }
        do {
            try file.write(contentsOf: Data("\(JSON.object(fields))\n".utf8))
        } catch {
            failure = JSONLinesError(description: "\(path) cannot be written: \(error.localizedDescription)")
        }
    }
}

/// Why results could not be written.
struct JSONLinesError: Error, CustomStringConvertible {
    let description: String
}
