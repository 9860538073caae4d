import Testing

@testable import samples

/// The samples follow the recommendations of the diagnostics, or silence them where a combination is intended.
@Suite struct RecipeTests {
    @Test(arguments: Sample.all.map(\.name))
    func `the compositions of a sample have no warnings, and each trains`(sample: String)
        throws
    {
        try Program.inFolder { program in
            let plan = try program.run("plan \(sample)")
            #expect(plan.code == 0, "\(plan.errors)")
            #expect(plan.output.contains("parameters in all"))
            let run = try program.run("run \(sample) --quick --epochs 1 --page p.html --json out.jsonl")
            #expect(run.code == 0, "\(run.errors)")
            #expect(plan.output.split(separator: "\n").filter { $0.contains("warning [") } == [])
            let ends = try program.objects("out.jsonl").filter { $0["final"] != nil }
            let names = try Sample.named(sample).prepare(Sample.Options(isQuick: true)).compositions.map(\.name)
            #expect(ends.compactMap { $0["composition"] as? String } == names)
            for end in ends {
                let loss = end["testLoss"] as? Double ?? .nan
                #expect(loss.isFinite, "\(end)")
            }
        }
    }
}
