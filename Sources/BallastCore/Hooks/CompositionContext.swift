public import Tensors

/// What a technique may know of the run it is composed into, to check it.
public struct CompositionContext: Sendable {
    /// A parameter of the model or of a technique.
    public struct ParameterDescription: Sendable, Hashable {
        /// Its path.
        public let path: String
        /// The path of the layer that it belongs to; empty for the model as a whole.
        public var layer: String { String(path.prefix(upTo: path.lastIndex(of: ".") ?? path.startIndex)) }
        /// What it is for.
        public let role: ParameterRole
        /// Its shape.
        public let shape: Shape
        /// The axis along which its units are counted; nil if it has none.
        public let unitAxis: Int?
    }

    /// A layer of the model.
    public struct LayerDescription: Sendable, Hashable {
        /// Its path.
        public let path: String
        /// Its kind.
        public let kind: String
    }

    /// A technique at a site, in the order in which data flows through the model.
    public struct SiteDescription: Sendable, Hashable, CustomStringConvertible {
        /// The technique's name.
        public let technique: String
        /// The layer's path; empty for the model as a whole.
        public let layer: String
        /// Where it acts with respect to the layer.
        public let position: Site.Position
        /// The shape of what flows into it in the first pass, the batch included.
        public let inputShape: Shape
        /// The layers whose output is what flows into it, nothing but reshaping in between.
        public let fedBy: [String]

        /// The place as it is written in code, such as `.before("relu1")`.
        public var description: String {
            guard layer.isEmpty else { return ".\(position.rawValue)(\"\(layer)\")" }
            return position == .before ? ".input" : position == .after ? ".output" : ".around(.model)"
        }
    }

    let table: HookTable
    /// All techniques, in order.
    public var techniques: [any Technique] { table.techniques }
    /// The loss of the data.
    public let loss: Loss
    /// The optimizer.
    public let optimizer: any Optimizer
    /// Whether there is data for validation.
    public let hasValidation: Bool
    /// The number of epochs; nil where it is not known.
    public let epochs: Int?
    /// The size of a batch.
    public let batchSize: Int
    /// The number of parts that a batch is cut into.
    public let shards: Int
    /// The number of samples to train on; nil where it is not known.
    public let sampleCount: Int?
    /// What can be monitored: the training loss, and with validation data its loss and metrics.
    public let metrics: [MetricDescription]
    /// The parameters.
    public let parameters: [ParameterDescription]
    /// The shape of one input of the model, without the batch.
    public let inputShape: Shape
    /// The shape of the model's output for one input, without the batch.
    public let outputShape: Shape
    /// What inputs are made of: numbers, or tokens.
    public let inputType: ScalarType
    /// The layers, in the order in which they run.
    public let layers: [LayerDescription]
    /// Where wrappers act.
    public let sites: [SiteDescription]

    /// The numbers of samples that pass the model at once in training: those of a batch, and of the last one if it is
    /// shorter; of a batch that is cut into shards, those of its smallest shard.
    public var batchSizes: [Int] {
        guard let sampleCount else { return [smallestShard(of: batchSize)] }
        let rest = sampleCount % batchSize
        return ((sampleCount >= batchSize ? [batchSize] : []) + (rest > 0 ? [rest] : [])).map(smallestShard)
    }

    private func smallestShard(of size: Int) -> Int { size / min(shards, size) }

    /// The techniques that have a trait, in order.
    public func techniques(with trait: TechniqueTrait) -> [any Technique] {
        techniques.filter { $0.traits.contains(trait) }
    }

    /// The parameters that a technique penalizes or whose gradients it transforms.
    public func parameters(of technique: any Technique) -> [ParameterDescription] {
        guard let index = table.techniques.firstIndex(where: { $0.name == technique.name }) else { return [] }
        let selectors = [Hook.lossPenalty, .gradientTransform].compactMap { table.selector(of: index, at: $0) }
        return parameters.filter { parameter in
            selectors.contains { $0.matches(path: parameter.path, role: parameter.role) }
        }
    }

    /// Where a technique acts in the model, in the order in which data flows.
    public func sites(of technique: any Technique) -> [SiteDescription] {
        sites.filter { $0.technique == technique.name }
    }
}
