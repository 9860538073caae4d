extension SavedRun {
    /// A warning for each hyper-parameter that is not what the run was saved with, unless it is silenced.
    ///
    /// A run may continue with others, such as a lower learning rate, but is then not the one that was never stopped.
    func changes(in trainer: Trainer) -> [Diagnostic] {
        let identifier = "changed-since-checkpoint"
        guard !trainer.silencedWarnings.contains(identifier) else { return [] }
        func warning(_ technique: String, _ message: String) -> Diagnostic {
            Diagnostic(
                .warning, identifier, technique: technique, message: "the checkpoint \(place) \(message)",
                reason: "resuming gives the bits of the run that was never stopped under the same settings only",
                suggestion:
                    "give the settings that it was saved with, start anew in another folder, or silence this if the "
                    + "change is intended")
        }
        let old = zip(state.techniques + ["optimizer", "loss"], state.hyperparameters + [state.optimizer, state.loss])
        let names = trainer.composition.techniques.map(\.name) + ["optimizer", "loss"]
        let values =
            SavedRun.hyperparameters(of: trainer)
            + [Plan.hyperparameters(of: trainer.optimizer), trainer.loss.name]
        let new = Dictionary(zip(names, values)) { first, _ in first }
        var warnings = old.compactMap { name, saved -> Diagnostic? in
            guard let now = new[name] else { return warning(name, "was saved with \(saved), which this run lacks") }
            return saved == now ? nil : warning(name, "was saved with \(saved), this run continues with \(now)")
        }
        let groups = trainer.groups.map(\.description)
        if let saved = state.groups, saved != groups {
            warnings.append(warning("groups", "was saved with the groups \(saved), this run continues with \(groups)"))
        }
        for name in names where !(state.techniques + ["optimizer", "loss"]).contains(name) {
            warnings.append(warning(name, "was saved without \(new[name] ?? name)"))
        }
        return warnings
    }

    /// The techniques with their hyper-parameters, in words.
    static func hyperparameters(of trainer: Trainer) -> [String] {
        trainer.composition.techniques.map { Plan.hyperparameters(of: $0) }
    }
}
