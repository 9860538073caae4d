import Ballast
import Foundation

/// Data sets and models that are trained in milliseconds.
enum Problem {
    /// Rows of numbers with one of three classes; batches of 8 leave a last one of 5.
    static func rows(_ count: Int = 53, features: Int = 10, classes: Int = 3, seed: UInt64 = 5) throws -> Dataset {
        let inputs = RandomStream(seed: seed, purpose: "inputs").uniforms(count * features).map { 2 * $0 - 1 }
        let labels = (0..<count).map { row -> Int32 in
            let sum = inputs[row * features..<(row + 1) * features].reduce(0, +)
            return Int32(min(max(Int((sum + 2) / 4 * Float(classes)), 0), classes - 1))
        }
        return try Dataset(
            inputs: Column(floats: inputs, itemShape: [features]), targets: Column(integers: labels))
    }

    /// Grey images with one of three classes.
    static func images(_ count: Int = 37, side: Int = 8, classes: Int = 3, seed: UInt64 = 6) throws -> Dataset {
        let words = RandomStream(seed: seed, purpose: "images").words(count * side * side)
        let labels = (0..<count).map { Int32($0 % classes) }
        let bytes = words.enumerated().map { index, word in
            // One class is dark, the next one brighter.
            UInt8(word % 128) + UInt8(40 * (index / (side * side) % classes))
        }
        return try Dataset(
            inputs: Column(bytes: bytes, itemShape: [1, side, side]), targets: Column(integers: labels))
    }

    static let perceptron = Sequential {
        Linear(16)
        ReLU()
        Linear(8)
        ReLU()
        Linear(3)
    }

    static let convolutional = Sequential {
        Conv2d(4, kernel: 3, padding: 1)
        ReLU()
        MaxPool2d(2)
        Flatten()
        Linear(3)
    }
}

/// Where two sets of variables differ in a bit: a sentence for the first element of each variable that does.
func differences(_ got: Variables, _ expected: Variables) -> [String] {
    let paths = (got.entries.map(\.path), expected.entries.map(\.path))
    guard paths.0 == paths.1 else { return ["the variables are \(paths.0), not \(paths.1)"] }
    return zip(got.entries, expected.entries).compactMap { difference($0.value, $1.value, $0.path) }
}

/// Where two tensors differ in a bit; nil if nowhere.
func difference(_ got: Tensor, _ expected: Tensor, _ what: String) -> String? {
    guard got.shape == expected.shape else { return "\(what): the shape is \(got.shape), not \(expected.shape)" }
    let pairs = zip(got.scalars, expected.scalars).enumerated()
    let wrong = pairs.filter { $0.element.0.bitPattern != $0.element.1.bitPattern }
    guard let first = wrong.first else { return nil }
    return "\(what) of shape \(got.shape): \(wrong.count) elements differ, the first at \(first.offset): "
        + "\(first.element.0), expected \(first.element.1)"
}

/// A number that stands for all bits of some variables.
func digest(_ variables: Variables) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    for entry in variables.entries {
        entry.path.utf8.forEach(add)
        for scalar in entry.value.scalars {
            for shift in stride(from: 0, to: 32, by: 8) {
                add(UInt8(truncatingIfNeeded: scalar.bitPattern >> UInt32(shift)))
            }
        }
    }
    return hash
}

/// Everything of a run's history that does not depend on the clock, to the last bit.
func account(_ run: Run) -> [String] {
    func text(_ values: [NamedValue]) -> String { values.map { "\($0.name)=\($0.value)" }.joined(separator: " ") }
    return run.history.map { record in
        "epoch \(record.epoch) steps \(record.steps) samples \(record.samples) train \(record.trainLoss) "
            + "penalties [\(text(record.penalties))] validation \(record.validationLoss ?? .nan) "
            + "metrics [\(text(record.validationMetrics))] rate \(record.learningRate)"
    } + ["ended \(run.end?.description ?? "not yet")"]
}

/// A new, empty folder for one test.
func temporaryFolder() throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appending(path: "ballast-law-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
}

/// What a test throws in another process, where expectations are not recorded: its text is what stands in the log.
struct Broken: Error, CustomStringConvertible {
    let description: String
}

/// Throws what is wrong, if anything is.
func ensure(_ isTrue: Bool, _ message: @autoclosure () -> String) throws {
    if !isTrue { throw Broken(description: message()) }
}
