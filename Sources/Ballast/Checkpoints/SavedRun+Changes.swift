extension SavedRun {
    /// A warning for each hyper-parameter that is not what the run was saved with, unless it is silenced.
    ///
    /// A run may go on with others, such as a lower learning rate, but is then not the one that was never stopped.
    func changes(in trainer: Trainer) -> [Finding] {
        let identifier = "changed-since-checkpoint"
        guard !trainer.silencedWarnings.contains(identifier) else { return [] }
        let names = state.techniques + ["optimizer", "loss"]
        let old = state.settings + [state.optimizer, state.loss]
        let new = SavedRun.settings(of: trainer) + [Plan.settings(of: trainer.optimizer), trainer.loss.name]
        return zip(names, zip(old, new)).filter { $1.0 != $1.1 }.map { name, values in
            Finding(
                .warning, identifier, technique: name,
                message: "the checkpoint \(place) was saved with \(values.0), this run goes on with \(values.1)",
                reason: "resuming gives the bits of the run that was never stopped under the same settings only",
                cure: "give the settings that it was saved with, start anew in another folder, or silence this if the "
                    + "change is meant")
        }
    }

    /// The techniques with their hyper-parameters, in words.
    static func settings(of trainer: Trainer) -> [String] {
        trainer.composition.techniques.map { Plan.settings(of: $0) }
    }
}
