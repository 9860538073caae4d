extension Plan {
    /// What a technique does at one of its hooks.
    struct Role {
        var selector: ParameterSelector?
        var stage: String?
        var sites: [String] = []
        var reads: [String] = []
        var changes: [String] = []

        init(of index: Int, at hook: Hook, _ model: BoundModel, _ context: CompositionContext) {
            let table = context.table
            selector = table.selector(of: index, at: hook)
            switch hook {
            case .lossPenalty:
                table.penalties.first { $0.index == index }.map { describe($0.technique, model) }
            case .gradientTransform:
                table.gradientTransforms.first { $0.index == index }.map { describe($0.technique) }
            case .forwardWrapper:
                if table.batchWrappers.contains(where: { $0.index == index }) { describeBatchWrapper() }
                table.layerWrappers.first { $0.index == index }.map { describe($0.technique, context) }
            case .epochCallback:
                reads = ["metrics of the epoch", "variables"]
                changes = ["variables, the learning rate, whether training continues"]
                if table.techniques[index].traits.contains(.averagesWeights) {
                    changes.append("variables, for validation and at the end")
                }
            }
        }

        private mutating func describe(_ penalty: any LossPenalty, _ model: BoundModel) {
            reads = ["parameters", "batch", "output of the model"]
            model.root.visit { node in
                guard !node.path.isEmpty, penalty.observes.contains(where: { $0.matches(node) }) else { return }
                reads.append("output of \(node.path)")
            }
            changes = ["the loss, to which a term is added"]
        }

        private mutating func describe(_ transform: any GradientTransform) {
            stage = transform.stage.rawValue
            switch transform.stage {
            case .gradient: (reads, changes) = (["parameters", "gradients"], ["gradients, before the optimizer"])
            case .update: (reads, changes) = (["parameters", "updates"], ["updates, after the optimizer"])
            case .applied: (reads, changes) = (["new parameters"], ["parameters, after the update"])
            }
        }

        private mutating func describeBatchWrapper() {
            sites.append("batch")
            reads.append("batch")
            changes.append("inputs and targets of the batch, in training")
        }

        private mutating func describe(_ wrapper: any LayerWrapper, _ context: CompositionContext) {
            let mine = context.sites(of: wrapper)
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
    }
}
