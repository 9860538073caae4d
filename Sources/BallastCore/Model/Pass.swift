internal import Tensors

/// What kind of pass is made through a model.
public enum Phase: String, Sendable {
    /// A pass whose gradient updates the parameters: noise is drawn, statistics are those of the batch.
    case training
    /// A pass that measures or predicts: no noise, running statistics.
    case evaluation
    /// A pass that predicts with noise and running statistics: one draw of a Monte Carlo prediction.
    case stochasticEvaluation

    /// Whether noise is drawn.
    public var isNoisy: Bool { self != .evaluation }
}

/// How far training is, and at which learning rate.
struct StepInfo {
    /// The epoch, counted from 0.
    var epoch = 0
    /// The step in the epoch, counted from 0.
    var step = 0
    /// The number of updates made before this step.
    var globalStep = 0
    /// The learning rate of the step.
    var learningRate: Float = 0
    /// What the schedule multiplies the optimizer's learning rate by in this step.
    var scheduleFactor: Float = 1
}

/// What the random numbers of a pass depend on, beside the seed and the place that draws.
enum Draw {
    /// The training step with a global index; `shard` counts the parts of a batch that is cut.
    case step(Int, shard: Int = 0)
    /// Another pass within a training step.
    case extra(step: Int, Int)
    /// A stochastic prediction.
    case prediction(Int)
    /// The pass that re-estimates statistics on the batch with an index.
    case statistics(Int)

    /// Numbers of branches that no technique uses for its own draws; each has room for 2^32 more below it.
    private enum Branch {
        static let prediction = -1 << 32
        static let statistics = -2 << 32
        static let extra = -3 << 32
        static let shard = -4 << 32
        static let use = -5 << 32
    }

    /// The numbers of a further use of a place in one pass.
    static func stream(_ stream: RandomStream, ofUse use: Int) -> RandomStream { stream.branch(Branch.use - use) }

    /// The draw that all shards of a batch share.
    var ofWholeBatch: Draw { if case .step(let step, _) = self { .step(step) } else { self } }

    /// The numbers of a place in this pass.
    @inline(__always)
    func stream(_ place: RandomStream) -> RandomStream {
        switch self {
        case .step(let step, 0): place.at(UInt64(step))
        case .step(let step, let shard): place.branch(Branch.shard - shard).at(UInt64(step))
        case .extra(let step, let number): place.branch(Branch.extra - number).at(UInt64(step))
        case .prediction(let index): place.branch(Branch.prediction).at(UInt64(index))
        case .statistics(let batch): place.branch(Branch.statistics).at(UInt64(batch))
        }
    }
}

/// What one pass through a model is: its phase, where gradients are recorded, which variables it reads and whether it
/// may write state. A pass is made for one run of the model, handed down by ``Scope``, and never changed.
final class Pass {
    let phase: Phase
    /// Where operations are recorded; nil where no gradient is needed.
    let tape: Tape?
    let parameters: ParameterValues
    let states: StateValues
    /// Whether running statistics and other state may change.
    let writesState: Bool
    let draw: Draw
    let info: StepInfo
    /// What the pass leaves behind.
    let record: PassRecord
    /// Parameters that a wrapper has replaced, by index.
    let replacements: [Int: Tensor]
    private let hasReplacements: Bool
    /// Which positions attention may use, `[batch, positions]`, 0 for none; nil for all.
    let attentionMask: Tensor?

    init(
        _ phase: Phase, parameters: ParameterValues, states: StateValues, tape: Tape? = nil,
        writesState: Bool = false, draw: Draw = .step(0), info: StepInfo = StepInfo(), record: PassRecord
    ) {
        self.phase = phase
        self.tape = tape
        self.parameters = parameters
        self.states = states
        self.writesState = writesState
        self.draw = draw
        self.info = info
        self.record = record
        replacements = [:]
        hasReplacements = false
        attentionMask = nil
    }

    /// The same pass, in which some parameters have other values, or attention a mask.
    init(_ pass: Pass, replacing replacements: [Int: Tensor] = [:], attentionMask: Tensor? = nil) {
        phase = pass.phase
        tape = pass.tape
        parameters = pass.parameters
        states = pass.states
        writesState = pass.writesState
        draw = pass.draw
        info = pass.info
        record = pass.record
        self.replacements = pass.replacements.merging(replacements) { $1 }
        hasReplacements = !self.replacements.isEmpty
        self.attentionMask = attentionMask ?? pass.attentionMask
    }

    /// Another pass of the same step: other random numbers or variables, and a record of its own; state is left alone.
    func another(
        parameters: ParameterValues? = nil, states: StateValues? = nil, tape: Tape?, draw: Draw? = nil
    ) -> Pass {
        let other = PassRecord()
        other.costs = record.costs
        return Pass(
            phase, parameters: parameters ?? self.parameters, states: states ?? self.states, tape: tape,
            writesState: false, draw: draw ?? self.draw, info: info, record: other)
    }

    /// The batch of a pass that re-estimates statistics; nil in every other pass.
    var statisticsBatch: Int? { if case .statistics(let batch) = draw { batch } else { nil } }

    /// The value of a parameter, through which gradients flow where they are recorded.
    @inline(__always)
    func parameter(_ index: Int) -> Tensor {
        if hasReplacements, let replacement = replacements[index] { return replacement }
        let value = parameters.values[index]
        guard let tape, !parameters.isFrozen(index) else { return value }
        return tape.leaf(index, value)
    }

    /// The random numbers of a place in this pass; each further use of the place within the pass draws others.
    func random(_ node: ScopeNode, _ purpose: String) -> RandomStream {
        var stream = node.stream
        if !purpose.isEmpty { stream = RandomStream(seed: node.tree.seed, purpose: node.path + "#" + purpose) }
        let use = record.useNumber(of: node)
        return draw.stream(use > 0 ? Draw.stream(stream, ofUse: use) : stream)
    }
}

/// What a pass keeps count of and leaves behind: how often each place was used, what was observed, what went wrong.
final class PassRecord {
    private struct Use {
        /// The number of sub-layers requested since the place was entered.
        var children: Int32 = 0
        /// The number of those that were requested without a name.
        var unnamed: Int32 = 0
        /// The number of times the place was entered.
        var count: Int32 = 0
        /// Whether the place was entered, but its layer has not run yet.
        var isPending = false
    }

    private var uses: ContiguousArray<Use> = []
    /// The outputs that penalties requested, in the order in which they were computed.
    var observations: [Observation] = []
    /// Whether every layer is observed, to find the one that fails.
    var observesEverything = false
    /// Whether the pass looks at every place, not only at those where techniques act.
    var isWatching: Bool { trace != nil || observesEverything }
    /// The first mistake that a technique made in this pass.
    private(set) var failure: (any Error)?
    /// Where times are noted; nil while none are taken.
    var costs: CostMeter?
    /// Called with the name of each part of a step as it begins, for tests of the order.
    var partBegan: ((String) -> Void)?
    /// Who feeds whom; kept during the first pass only.
    var trace: FirstPassTrace?

    /// Makes the record ready for another pass.
    func reset() {
        uses.withUnsafeMutableBufferPointer { $0.update(repeating: Use()) }
        if !observations.isEmpty { observations.removeAll(keepingCapacity: true) }
        if failure != nil { failure = nil }
    }

    /// Notes a mistake; the pass continues, and whoever made it throws the error afterwards.
    func fail(_ error: any Error) {
        if failure == nil { failure = error }
    }

    /// Throws the first mistake that was noted.
    func throwFailure() throws {
        if let failure { throw failure }
    }

    @inline(__always)
    func enter(_ node: ScopeNode) {
        if node.index >= uses.count { grow(to: node.index) }
        uses[node.index].children = 0
        uses[node.index].unnamed = 0
        uses[node.index].count += 1
        uses[node.index].isPending = true
    }

    /// Begins a run of the layer at a place that was entered; a second run of it counts as another use.
    func enterAgain(_ node: ScopeNode) {
        if uses[node.index].isPending {
            uses[node.index].isPending = false
            uses[node.index].children = 0
            uses[node.index].unnamed = 0
        } else {
            enter(node)
            uses[node.index].isPending = false
        }
    }

    private func grow(to index: Int) {
        uses.append(contentsOf: repeatElement(Use(), count: index + 16 - uses.count))
    }

    /// The position of the next sub-layer of a place.
    @inline(__always)
    func nextChild(of node: ScopeNode) -> Int {
        let position = uses[node.index].children
        uses[node.index].children = position + 1
        return Int(position)
    }

    /// The position of the next sub-layer of a place among those without a name.
    @inline(__always)
    func nextUnnamed(of node: ScopeNode) -> Int {
        let position = uses[node.index].unnamed
        uses[node.index].unnamed = position + 1
        return Int(position)
    }

    /// The position of the sub-layer that is requested next.
    @inline(__always)
    func upcomingChild(of node: ScopeNode) -> Int { Int(uses[node.index].children) }

    /// How often a place was used before in this pass.
    @inline(__always)
    func useNumber(of node: ScopeNode) -> Int { Int(uses[node.index].count) - 1 }
}
