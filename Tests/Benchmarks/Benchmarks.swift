import BallastPlugins
import Foundation

/// Times Ballast: `benchmarks WORKLOAD [--seconds S] [--threads T]`, `benchmarks --list`, and the tables
/// `benchmarks kernels`, `benchmarks price` and `benchmarks scaling`.
@main
struct Benchmarks {
    static func main() throws {
        if let error = Kernels.environmentError { stop(error) }
        var arguments = Array(CommandLine.arguments.dropFirst())
        let seconds = number("--seconds", in: &arguments) ?? 5
        if let threads = number("--threads", in: &arguments) { Kernels.threadCount = Int(threads) }
        guard let name = arguments.first, arguments.count == 1 else {
            stop("benchmarks WORKLOAD|kernels|price|scaling [--seconds S] [--threads T], or benchmarks --list")
        }
        switch name {
        case "--list":
            for workload in Workload.all { print(workload.name, workload.summary, separator: "\t") }
        case "price": try PriceBenchmark.run()
        case "kernels": KernelBenchmark.run()
        case "scaling": try ScalingBenchmark.run()
        default:
            guard let workload = Workload.all.first(where: { $0.name == name }) else {
                stop("there is no workload \"\(name)\"; benchmarks --list names them")
            }
            try time(workload, seconds: seconds)
        }
    }

    /// Prints a line of JSON like that of the peers' script: the median of the windows' steps per second.
    private static func time(_ workload: Workload, seconds: Double) throws {
        let (trainer, data) = try workload.make()
        let run = try trainer.start(data, epochs: .max)
        var rates: [Double] = []
        func window() throws -> Double {
            let start = ContinuousClock.now
            for _ in 0..<workload.window { try run.step() }
            return Double(workload.window) / ((ContinuousClock.now - start) / .seconds(1))
        }
        _ = try window()
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end || rates.count < 5 { rates.append(try window()) }
        let rate = median(rates)
        let loss = run.currentLoss.isNaN ? run.history.last?.trainLoss ?? .nan : run.currentLoss
        let fields = [
            "\"workload\": \"\(workload.name)\"", "\"engine\": \"ballast\"",
            "\"steps_per_second\": \(String(format: "%.1f", rate))",
            "\"samples_per_second\": \(String(format: "%.0f", rate * Double(trainer.batchSize)))",
            "\"loss\": \(String(format: "%.4f", loss))", "\"peak_megabytes\": \(peakMegabytes)",
        ]
        print("{\(fields.joined(separator: ", "))}")
    }

    /// The most memory that the process has held.
    private static var peakMegabytes: Int {
        var usage = rusage()
        #if os(Linux)
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            return usage.ru_maxrss >> 10
        #else
            getrusage(RUSAGE_SELF, &usage)
            return usage.ru_maxrss >> 20
        #endif
    }

    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }

    private static func number(_ option: String, in arguments: inout [String]) -> Double? {
        guard let index = arguments.firstIndex(of: option) else { return nil }
        guard index + 1 < arguments.count, let value = Double(arguments[index + 1]), value > 0 else {
            stop("\(option) needs a positive number")
        }
        arguments.removeSubrange(index...index + 1)
        return value
    }

    static func stop(_ message: String) -> Never {
        FileHandle.standardError.write(Data((message + "\n").utf8))
        exit(2)
    }
}
