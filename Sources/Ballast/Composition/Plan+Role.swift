extension Plan {
    /// What a technique does at one of its hooks.
    struct Role {
        var selector: ParameterSelector?
        var stage: String?
        var sites: [String] = []
        var reads: [String] = []
        var changes: [String] = []

        init(of technique: any Technique, at hook: Hook, _ runner: ModelRunner, _ setting: CompositionSetting) {
            switch hook {
            case .lossPenalty: (technique as? any LossPenalty).map { penalize($0, runner) }
            case .gradientTransform: (technique as? any GradientTransform).map { transform($0) }
            case .forwardWrapper: (technique as? any ForwardWrapper).map { wrap($0, setting) }
            case .epochCallback: (technique as? any EpochCallback).map { decide($0) }
            }
        }

        private mutating func penalize(_ penalty: any LossPenalty, _ runner: ModelRunner) {
            selector = penalty.penalizes
            reads = ["parameters", "batch", "output of the model"]
            runner.root.visit { frame in
                guard !frame.path.isEmpty, penalty.observes.contains(where: { $0.matches(frame) }) else { return }
                reads.append("output of \(frame.path)")
            }
            changes = ["the loss, to which a term is added"]
        }

        private mutating func transform(_ transform: any GradientTransform) {
            selector = transform.transforms
            stage = transform.stage.rawValue
            switch transform.stage {
            case .gradient: (reads, changes) = (["parameters", "gradients"], ["gradients, before the optimizer"])
            case .update: (reads, changes) = (["parameters", "updates"], ["updates, after the optimizer"])
            }
        }

        private mutating func wrap(_ wrapper: any ForwardWrapper, _ setting: CompositionSetting) {
            if wrapper.sites.contains(.batch) {
                sites.append("batch")
                reads.append("batch")
                changes.append("inputs and targets of the batch, in training")
            }
            let mine = setting.sites(of: wrapper)
            sites += mine.map { site in
                site.layer.isEmpty
                    ? (site.position == .before ? "input" : "output") : "\(site.position.rawValue) \(site.layer)"
            }
            func add(_ position: Site.Position, _ read: String, _ change: String) {
                guard mine.contains(where: { $0.position == position }) else { return }
                reads.append(read)
                changes.append(change)
            }
            add(.before, "what flows into the layer", "what flows into the layer")
            add(.around, "the layer's input and parameters", "what the layer computes, and with which parameters")
            add(.after, "what flows out of the layer", "what flows out of the layer")
        }

        private mutating func decide(_ callback: any EpochCallback) {
            stage = callback.moments.map(\.rawValue).joined(separator: ", ")
            reads = ["metrics of the epoch", "variables"]
            if callback.moments.contains(.validating) { changes.append("variables, for the validation alone") }
            if callback.moments.contains(.ended) {
                changes.append("variables, the learning rate, whether the run goes on")
            }
        }
    }
}
