import BallastPlugins

extension Experiment {
    /// The experiment with its compositions varied as `--without` or `--only` request.
    ///
    /// - Throws: `UsageError` if no composition has the technique.
    func varied(_ options: RunOptions) throws -> Experiment {
        guard let technique = options.without ?? options.only else { return self }
        let names = Set(compositions.flatMap { $0.composition.techniques.map(\.name) })
        guard names.contains(technique) else {
            throw UsageError(unknown: "technique", technique, among: names.sorted())
        }
        var result = self
        result.compositions = compositions.compactMap { name, composition in
            guard composition.techniques.contains(where: { $0.name == technique }) else {
                return options.only == nil || composition.techniques.isEmpty ? (name, composition) : nil
            }
            if options.only != nil { return ("\(name) only \(technique)", composition.only(technique)) }
            let rest = composition.without(technique)
            return rest.techniques.isEmpty ? nil : ("\(name) without \(technique)", rest)
        }
        return result
    }
}
