import Testing

@testable import samples

/// Mistakes on the command line: each is refused, with what helps to correct it.
@Suite struct UsageErrorTests {
    /// Command lines, and what their messages must name.
    private static let mistakes: [(line: String, names: [String])] = [
        ("rnu", ["\"rnu\"", "run", "new-technique"]),
        ("help me", ["\"me\""]),
        ("noisy-line", ["samples run noisy-line"]),
        ("run", ["samples run NAME", "fashion-mnist"]),
        ("run fashion", ["\"fashion\"", "fashion-mnist"]),
        ("run noisy-lin", ["noisy-line"]),
        ("run noisy-line more", ["\"more\"", "samples run NAME"]),
        ("run noisy-line --epoch 3", ["\"--epoch\"", "--epochs N", "--quick"]),
        ("run noisy-line --epochs three", ["--epochs", "\"three\"", "1000000"]),
        ("run noisy-line --epochs 0", ["--epochs", "\"0\""]),
        ("run noisy-line --epochs", ["--epochs N"]),
        ("run noisy-line --epochs --quick", ["--epochs N"]),
        ("run noisy-line --epochs -3", ["\"-3\""]),
        ("run noisy-line --threads 65", ["--threads", "\"65\"", "64"]),
        ("run noisy-line --jobs 0", ["--jobs", "\"0\"", "64"]),
        ("run noisy-line --seed 18446744073709551616", ["--seed", "\"18446744073709551616\""]),
        ("run noisy-line --quick --quick", ["--quick"]),
        ("run noisy-line --quick=yes", ["--quick", "\"yes\""]),
        ("run noisy-line --json=", ["--json"]),
        ("run noisy-line --resume", ["--checkpoint DIR"]),
        ("run noisy-line --data here", ["--data", "noisy-line"]),
        ("run noisy-line --without L2 --only L1", ["--without", "--only"]),
        ("run noisy-line --without=", ["--without"]),
        ("plan noisy-line --quick", ["--quick", "samples run NAME", "samples plan NAME", "--data DIR"]),
        ("list --quick", ["--quick", "samples list"]),
        ("fetch", ["fashion-mnist"]),
        ("fetch mnist", ["\"mnist\""]),
        ("ablate noisy-line", ["--composition C"]),
        ("ablate noisy-line --composition none --seeds 1", ["--seeds", "2"]),
        ("ablate noisy-line --composition none --resume", ["--checkpoint DIR"]),
        ("effects noisy-lin", ["noisy-line"]),
        ("effects noisy-line --quick", ["--quick", "samples run NAME", "samples effects [NAME]"]),
        ("effects noisy-line --data here", ["--data", "noisy-line"]),
        ("--quik", ["\"--quik\""]),
        ("new-technique", ["WeightNoise"]),
        ("new-technique noise", ["\"noise\"", "Noise"]),
        ("new-technique my-noise", ["\"my-noise\"", "MyNoise"]),
        ("new-technique 1Noise", ["\"1Noise\"", "WeightNoise"]),
        ("new-technique Self", ["\"Self\"", "SelfTechnique"]),
        ("new-technique Float", ["\"Float\"", "FloatTechnique"]),
        ("new-technique Noise --hook penalty", ["\"penalty\"", "lossPenalty", "epochCallback"]),
        ("new-technique Noise --hook lossPenalti", ["lossPenalty"]),
        ("new-technique Noise --at=", ["--at"]),
    ]

    private func refusal(_ line: String) -> String? {
        do {
            _ = try Invocation(line.split(separator: " ").map(String.init))
            return nil
        } catch let error as UsageError {
            return error.description
        } catch {
            return nil
        }
    }

    @Test(arguments: mistakes)
    func `a mistake is refused, and its message names what is wrong and what is valid`(
        line: String, names: [String]
    ) throws {
        let message = try #require(refusal(line), "\(line) was accepted")
        for name in names { #expect(message.contains(name), "\(line): \(message)") }
    }

    @Test func `the wording of messages is that of the file`() throws {
        let text = Self.mistakes.map { "samples \($0.line)\n    \(refusal($0.line) ?? "accepted")" }
        try Golden.expect(text.joined(separator: "\n"), is: "usage-errors.txt")
    }

    @Test(arguments: [
        ("fasion-mnist", "fashion-mnist"), ("wieght-decay", "weight-decay"), ("noisy", "noisy-line"), ("zzz", nil),
        ("", nil),
    ])
    func `the nearest word is suggested, and only a near one`(word: String, expected: String?) {
        #expect(nearest(to: word, among: ["fashion-mnist", "noisy-line", "weight-decay"]) == expected)
    }
}
