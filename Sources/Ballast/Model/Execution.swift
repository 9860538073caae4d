internal import Tensors

/// What kind of pass is made through a model.
public enum Phase: String, Sendable {
    /// A pass whose gradient updates the parameters: noise is drawn, statistics are those of the batch.
    case training
    /// A pass that measures or predicts: no noise, running statistics.
    case evaluation
    /// A pass that predicts with noise drawn and running statistics: one sample of a Monte Carlo prediction.
    case sampling

    /// Whether noise is drawn.
    public var isNoisy: Bool { self != .evaluation }
}

/// The state of one run while passes are made: variables, phase, counters and the tape.
package final class Execution {
    let seed: UInt64
    let store: VariableStore
    let wrappers: [WrapperEntry]
    let observed: [(technique: Int, layers: [LayerSelector])]

    package internal(set) var phase: Phase = .evaluation
    /// Set while a pass is recorded.
    var tape: Tape?
    /// Whether the first pass was made, after which there are no new parameters.
    private(set) var isDeclared = false
    /// Which layer's output flows where; nil after the first pass.
    private(set) var flow: DataFlow? = DataFlow()
    var updatesState = true
    /// The epoch, from 0; the step in it, from 0; the number of updates made so far; and of what draws are a function.
    var epoch = 0
    var step = 0
    var globalStep = 0
    var drawIndex = 0
    var learningRate: Float = 0
    var scheduleFactor: Float = 1
    var observations: [Observation] = []
    var costs: CostMeter

    /// What was found wrong with loaded variables while they were matched to what the model asks for.
    var problems: [String] = []

    struct WrapperEntry {
        let technique: any ForwardWrapper
        let name: String
        let sites: [Site]
        let meter: Int
    }

    init(seed: UInt64, store: VariableStore, composition: Composition) {
        self.seed = seed
        self.store = store
        var wrappers: [WrapperEntry] = []
        var observed: [(technique: Int, layers: [LayerSelector])] = []
        for (index, technique) in composition.techniques.enumerated() {
            if let wrapper = technique as? any ForwardWrapper {
                let sites = wrapper.sites.filter { $0.kind != .batch }
                if !sites.isEmpty {
                    wrappers.append(.init(technique: wrapper, name: technique.name, sites: sites, meter: index))
                }
            }
            if let penalty = technique as? any LossPenalty, !penalty.observes.isEmpty {
                observed.append((index, penalty.observes))
            }
        }
        self.wrappers = wrappers
        self.observed = observed
        costs = CostMeter(count: composition.techniques.count)
    }

    // MARK: Declaring

    func declareParameter(_ path: String, _ shape: Shape, _ initial: Initializer, _ role: ParameterRole) -> Int {
        guard !isDeclared else {
            fail(
                "parameter",
                "\"\(path)\" was first asked for after the first pass; ask for every parameter in every phase, so that the first pass creates it"
            )
        }
        return store.declareParameter(path, role, initial: { self.initialValue(path, shape, initial) })
    }

    func declareState(_ path: String, _ shape: Shape, _ initial: Initializer) -> Int {
        let index = store.declareState(path, initial: { self.initialValue(path, shape, initial) })
        let found = store.states[index].value.shape
        guard found == shape else { fail("state", "\"\(path)\" has shape \(found) but was asked for as \(shape)") }
        return index
    }

    private func initialValue(_ path: String, _ shape: Shape, _ initial: Initializer) -> Tensor {
        if let loaded = store.loaded.removeValue(forKey: path) {
            if loaded.shape == shape { return loaded }
            problems.append("\"\(path)\" has shape \(loaded.shape) in the file, but the model asks for \(shape)")
        } else if store.expectsLoaded {
            problems.append("\"\(path)\" of shape \(shape) is not in the file")
        }
        return initial.values(shape, RandomStream(seed: seed, purpose: "initial/" + path))
    }

    // MARK: Sites

    /// Lets the techniques that select a place wrap it.
    func bindSites(of frame: Frame) {
        for entry in wrappers {
            var taken: [Site.Position] = []
            for site in entry.sites {
                guard let position = site.position(at: frame), !taken.contains(position) else { continue }
                taken.append(position)
                let place = frame.path.isEmpty ? (position == .before ? "input" : "output") : frame.path
                var path = entry.name + "/" + place
                if store.places.contains(path) { path += "@" + position.rawValue }
                store.places.insert(path)
                frame.bind(
                    SiteBinding(
                        technique: entry.technique, position: position, path: frame.path, kind: frame.kind,
                        frame: Frame(execution: self, path: path, name: entry.name, kind: frame.kind),
                        meter: entry.meter),
                    at: position)
            }
        }
        for (technique, layers) in observed where layers.contains(where: { $0.matches(frame) }) {
            frame.observe(for: technique)
        }
    }

    /// Ends the first pass, after which there are no new parameters.
    func endFirstPass(of root: Frame) {
        flow = nil
        isDeclared = true
        root.visit { $0.endFirstPass() }
    }

    /// Makes a pass in a phase, and returns to the phase before.
    func inPhase<R>(_ phase: Phase, updatesState: Bool, _ body: () throws -> R) rethrows -> R {
        let (oldPhase, oldUpdates) = (self.phase, self.updatesState)
        (self.phase, self.updatesState) = (phase, updatesState)
        defer { (self.phase, self.updatesState) = (oldPhase, oldUpdates) }
        return try body()
    }

    @inline(__always)
    func metered<R>(_ technique: Int, _ hook: Hook, _ body: () throws -> R) rethrows -> R {
        guard costs.isMeasuring else { return try body() }
        let outerTag = tape?.tag
        tape?.tag = Int32(technique * Hook.allCases.count + hook.index)
        let start = ContinuousClock.now
        defer {
            costs.add(ContinuousClock.now - start, technique: technique, hook: hook)
            if let outerTag { tape?.tag = outerTag }
        }
        return try body()
    }
}
