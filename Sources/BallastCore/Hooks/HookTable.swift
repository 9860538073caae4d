internal import Tensors

/// Which technique of a composition implements which hook, determined once.
struct HookTable: Sendable {
    /// A technique at one of its hooks.
    struct Entry<T: Sendable>: Sendable {
        /// The technique's index in the composition.
        let index: Int
        let technique: T
    }

    let techniques: [any Technique]
    let penalties: [Entry<any LossPenalty>]
    let gradientTransforms: [Entry<any GradientTransform>]
    let batchWrappers: [Entry<any BatchWrapper>]
    let layerWrappers: [Entry<any LayerWrapper>]
    let callbacks: [Entry<any EpochCallback>]

    init(_ techniques: [any Technique]) {
        self.techniques = techniques
        func conforming<T: Sendable>(_ cast: (any Technique) -> T?) -> [Entry<T>] {
            techniques.enumerated().compactMap { index, technique in
                cast(technique).map { Entry(index: index, technique: $0) }
            }
        }
        penalties = conforming { $0 as? any LossPenalty }
        gradientTransforms = conforming { $0 as? any GradientTransform }
        batchWrappers = conforming { $0 as? any BatchWrapper }
        layerWrappers = conforming { $0 as? any LayerWrapper }
        callbacks = conforming { $0 as? any EpochCallback }
    }

    /// The transforms of a stage, in the order listed.
    func transforms(at stage: GradientStage) -> [Entry<any GradientTransform>] {
        gradientTransforms.filter { $0.technique.stage == stage }
    }

    /// The hooks of the technique with an index.
    func hooks(of index: Int) -> [Hook] {
        Hook.allCases.filter { hook in
            switch hook {
            case .lossPenalty: penalties.contains { $0.index == index }
            case .gradientTransform: gradientTransforms.contains { $0.index == index }
            case .forwardWrapper: techniques[index] is any ForwardWrapper
            case .epochCallback: callbacks.contains { $0.index == index }
            }
        }
    }

    /// The parameters that the technique with an index acts on; nil if it selects none.
    func selector(of index: Int, at hook: Hook) -> ParameterSelector? {
        switch hook {
        case .lossPenalty: penalties.first { $0.index == index }?.technique.parameters
        case .gradientTransform: gradientTransforms.first { $0.index == index }?.technique.parameters
        default: nil
        }
    }

    /// What the model knows of the techniques: who acts at its places, and who observes them.
    var interceptors: [any Interceptor] { layerWrappers.map(WrapperInterceptor.init) }
    var observed: [(observer: Int, layers: [LayerSelector])] {
        penalties.map { ($0.index, $0.technique.observes) }.filter { !$0.1.isEmpty }
    }

    /// The account of costs of a technique at a hook.
    static func account(_ technique: Int, _ hook: Hook) -> Int32 {
        Int32(technique * Hook.allCases.count + hook.index)
    }
}

extension Pass {
    /// Calls a hook of a technique at its own place, and charges it for the time.
    @inline(__always)
    func call<R>(_ technique: Int, _ hook: Hook, at node: ScopeNode, _ body: (Scope) -> R) -> R {
        record.enter(node)
        return CostMeter.account(HookTable.account(technique, hook), in: self) {
            node.named { body(Scope(node, self)) }
        }
    }
}

/// A technique that wraps layers, as the model sees it.
private struct WrapperInterceptor: Interceptor {
    let entry: HookTable.Entry<any LayerWrapper>
    let name: String
    let sites: [Site]

    init(_ entry: HookTable.Entry<any LayerWrapper>) {
        self.entry = entry
        name = entry.technique.name
        sites = entry.technique.sites
    }

    func intercept(_ call: LayerCall, in scope: Scope) -> Tensor {
        let pass = scope.pass
        pass.record.partBegan?("LayerWrapper")
        let output = CostMeter.account(HookTable.account(entry.index, .forwardWrapper), in: pass) {
            scope.node.named {
                entry.technique.forwardWrapper(call, in: LayerContext(scope: scope, index: entry.index))
            }
        }
        guard let (shape, type) = call.expected, output.shape != shape || output.scalarType != type else {
            return output
        }
        pass.record.fail(
            mistake(
                "returned \(output.scalarType) values of shape \(output.shape), but \(type) values of shape \(shape) must continue from here",
                at: call.siteDescription))
        // The pass ends without another mistake; its result is thrown away.
        return call.position == .around ? .zeros(shape) : call.input
    }

    func mistake(_ problem: String, at site: String) -> any Error {
        TechniqueError(name, .forwardWrapper, at: site, problem)
    }
}
