import Ballast
import Foundation
import Testing

/// Schedules against PyTorch's, as a run applies them.
struct ScheduleTests {
    static let schedules: [(name: String, schedule: Schedule)] = [
        ("constant", .constant), ("step", .step(every: 2, by: 0.3)), ("cosine", .cosine()),
        ("cosine to 0.1", .cosine(final: 0.1)), ("warm-up", .warmUp(steps: 5)),
        ("warm-up, cosine", .warmUp(steps: 5, then: .cosine())), ("one cycle", .oneCycle()),
        ("one cycle, long rise", .oneCycle(rise: 0.6, startDivisor: 10, finalDivisor: 100)),
    ]

    /// The factors of 24 steps, 4 to an epoch, as a technique sees them.
    private func factors(_ schedule: Schedule) throws -> [Float] {
        let log = Log()
        let probe = TransformProbe(name: "look", log: log) { _, context, log in
            log.add("\(context.scheduleFactor) \(context.learningRate)")
        }
        _ = try Trainer(
            Sequential { Linear(3) }, loss: .crossEntropy, optimizer: SGD(learningRate: 0.5), schedule: schedule,
            batchSize: 5
        ) { probe }.fit(Problem.rows(20), epochs: 6)
        return log.all.filter { $0 != "look gradient" }.map { line in
            let numbers = line.split(separator: " ").compactMap { Float($0) }
            #expect(numbers[1] == 0.5 * numbers[0])
            return numbers[0]
        }
    }

    @Test(arguments: schedules.indices)
    func `factors are those of PyTorch`(index: Int) throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/Schedules/factors.json")
        let expected = try JSONDecoder().decode([String: [Double]].self, from: Data(contentsOf: file))
        let (name, schedule) = Self.schedules[index]
        let wanted = try #require(expected[name])
        let got = try factors(schedule)
        #expect(got.count == 24)
        for (step, (got, wanted)) in zip(got, wanted).enumerated() {
            #expect(
                abs(Double(got) - wanted) <= 1e-6 * max(wanted, 1e-2),
                "\(name), step \(step): \(got), expected \(wanted)")
        }
    }

    @Test func `a schedule of one's own is asked with the step, the steps of an epoch and the steps in all`() throws {
        let schedule = Schedule { step, perEpoch, total in
            (Double(step) + 100 * Double(perEpoch) + 10_000 * Double(total)) * 1e-9
        }
        #expect(try factors(schedule) == (0..<24).map { Float((Double($0) + 240_400) * 1e-9) })
    }
}
