import BallastPlugins
import CKernels
import Foundation
import Tensors

/// How a step's time grows with the batch, the parameters, the techniques and the threads, and whether steps ask the
/// system for memory.
enum ScalingBenchmark {
    static func run() throws {
        let most = Kernels.threadCount
        let threads = most > 1 ? [1, most] : [1]
        let perceptron = Workload.perceptron
        let rows = try randomData(8_192, width: 784)
        try table("batch", threads, sizes: [1, 4, 16, 64, 256, 1_024, 4_096], per: ("sample", 1)) { size in
            let trainer = Trainer(
                perceptron, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3), metrics: [], batchSize: size)
            return try trainer.start(rows, epochs: .max)
        }
        try table(
            "parameters", threads, sizes: [1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000],
            per: ("million parameters", 1e6)
        ) { size in
            let width = Int(Double(size).squareRoot().rounded())
            let model = Sequential { Linear(size / width, bias: false) }
            let trainer = Trainer(
                model, loss: .crossEntropy, optimizer: SGD(learningRate: 1e-3, momentum: 0.9), metrics: [],
                batchSize: 32)
            return try trainer.start(randomData(64, width: width), epochs: .max)
        }
        try table("techniques", threads, sizes: [0, 1, 2, 4, 8, 16, 32], per: ("technique", 1)) { size in
            let trainer = Trainer(
                perceptron, loss: .crossEntropy, optimizer: Adam(learningRate: 1e-3), metrics: [], batchSize: 128,
                composition: Composition((0..<size).map(technique)))
            return try trainer.start(rows, epochs: .max)
        }
    }

    /// Kinds that take turns, so that half as many techniques are half the work.
    private static func technique(_ index: Int) -> any Technique {
        switch index % 4 {
        case 0: Dropout(0.01, at: .after(index % 8 == 0 ? "relu1" : "relu2"), named: "dropout\(index)")
        case 1: L2(1e-6, named: "l2-\(index)")
        case 2: DecoupledDecay(1e-6, named: "decay\(index)")
        default: L1(1e-8, named: "l1-\(index)")
        }
    }

    private static func randomData(_ count: Int, width: Int) throws -> Dataset {
        let stream = RandomStream(seed: 0, purpose: "scaling")
        return try Dataset(
            inputs: Column(floats: Tensor.normal([count, width], from: stream).scalars, itemShape: [width]),
            targets: Column(integers: stream.at(1).words(count).map { Int32($0 % 10) }))
    }

    /// Prints a row for each size: time per step and its share per unit for each number of threads, and new memory.
    ///
    /// - Parameter unit: what the share is per, and how many of it make one. The time of size 0 belongs to no unit.
    private static func table(
        _ name: String, _ threads: [Int], sizes: [Int], per unit: (name: String, size: Double),
        _ start: (Int) throws -> Run
    ) throws {
        defer { Kernels.threadCount = threads.last ?? 1 }
        let columns = threads.flatMap { ["\($0) thread\($0 == 1 ? "" : "s")", "per \(unit.name)"] }
        print(pad([name] + columns + ["new memory"]))
        var base = [Double](repeating: 0, count: threads.count)
        for size in sizes {
            var cells = ["\(size)"]
            var grown = 0
            for (index, count) in threads.enumerated() {
                Kernels.threadCount = count
                let (time, bytes) = try time(start(size))
                if size == 0 { base[index] = time }
                let share = (time - base[index]) / Double(size) * unit.size
                cells += [microseconds(time), size == 0 ? "" : microseconds(share)]
                grown = max(grown, bytes)
            }
            print(pad(cells + ["\(grown) B"]))
        }
        print()
    }

    private static func microseconds(_ seconds: Double) -> String {
        String(format: seconds < 1e-4 ? "%.2f us" : "%.0f us", seconds * 1e6)
    }

    /// The least mean time of a step over several windows, and by how much the memory from the system grew in them.
    private static func time(_ run: Run) throws -> (seconds: Double, bytes: Int) {
        func window(_ steps: Int) throws -> Double {
            let start = ContinuousClock.now
            for _ in 0..<steps { try run.step() }
            return (ContinuousClock.now - start) / .seconds(Double(steps))
        }
        // Warm: over the end of an epoch, whose last batch may be shorter.
        _ = try window(run.stepsPerEpoch < 1_000 ? run.stepsPerEpoch + 2 : 50)
        let steps = max(1, Int(0.05 / (try window(2))))
        let before = ballast_system_bytes()
        let best = try (0..<5).map { _ in try window(steps) }.min() ?? .nan
        return (best, Int(ballast_system_bytes() - before))
    }

    private static func pad(_ cells: [String]) -> String {
        cells.enumerated().map { column, cell in
            String(repeating: " ", count: max(0, (column == 0 ? 11 : 24) - cell.count)) + cell
        }.joined()
    }
}
