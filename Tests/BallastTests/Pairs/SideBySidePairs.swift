import Ballast
import BallastPlugins
import Testing

/// Runs side by side, crossed with everything that a run can use.
struct SideBySidePairs {
    @Test(arguments: [2, 5]) func `every feature comes out side by side as it does alone`(runsAtOnce: Int) throws {
        let data = try Problem.rows()
        let features = Feature.all
        // Sites and groups name layers of the perceptron.
        let trainers = features.map(\.trainer).filter { !($0.model is RowConvolution) }
        // One comparison for every third trainer, of the compositions of all features.
        for index in stride(from: 0, to: trainers.count, by: 3) {
            let trainer = trainers[index]
            let comparison = Comparison(trainer, features.map { ($0.name, $0.trainer.composition) })
            let results = try comparison.run(
                train: data, validation: data.prefix(20), epochs: 2, seeds: [PairedRun.seed], runsAtOnce: runsAtOnce)
            for (result, feature) in zip(results, features) {
                let alone = try PairedRun.fit(trainer.composing(feature.trainer.composition), epochs: 2)
                #expect(differences(result.run.variables, alone.variables) == [], "\(feature.name)")
                #expect(account(result.run) == account(alone), "\(feature.name)")
            }
        }
    }
}
