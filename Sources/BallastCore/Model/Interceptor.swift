public import Tensors

/// Something that acts at places of a model: all that the model knows of a technique that wraps its layers.
protocol Interceptor {
    /// The name under which it keeps variables and draws.
    var name: String { get }
    /// Where it acts.
    var sites: [Site] { get }
    /// Returns what continues from the site, of the shape and type that `call` expects.
    func intercept(_ call: LayerCall, in scope: Scope) -> Tensor
    /// The error for a mistake that it made at a site.
    func mistake(_ problem: String, at site: String) -> any Error
}

/// An interceptor at one place.
struct Interception {
    let interceptor: any Interceptor
    let position: Site.Position
    unowned let wrapped: ScopeNode
    /// The interceptor's own place at the site.
    let node: ScopeNode

    @inline(__always)
    func apply(_ x: Tensor, in pass: Pass, next: LayerCall.Next? = nil) -> Tensor {
        pass.record.enter(node)
        if let trace = pass.record.trace { node.siteInput = trace.siteInput(x) }
        let call = LayerCall(
            node: wrapped, pass: pass, interceptor: interceptor, position: position, input: x, runNext: next)
        let output = interceptor.intercept(call, in: Scope(node, pass))
        if pass.record.observesEverything {
            pass.record.observations.append(
                Observation(
                    path: call.siteDescription, kind: wrapped.kind, value: output, observers: [],
                    technique: interceptor.name))
        }
        return output
    }
}

/// The call of a layer, as a technique that wraps it sees it.
public struct LayerCall {
    typealias Next = (_ input: Tensor, _ replacements: [Int: Tensor]) -> Tensor

    let node: ScopeNode
    let pass: Pass
    let interceptor: any Interceptor
    /// Where the technique acts: before, around or after the layer.
    public let position: Site.Position
    /// What flows into the site.
    public let input: Tensor
    let runNext: Next?

    /// The layer's path, such as `encoder.linear1`; empty for the whole model.
    public var path: String { node.path }
    /// The layer's kind, such as `linear`.
    public var kind: String { node.kind }

    /// The parameters of the layer and of the layers in it, through which gradients flow; empty before and after a layer.
    public var parameters: [LayerParameter] {
        guard runNext != nil else { return [] }
        return node.ownParameters.map { name, index in
            let parameter = node.tree.layout.parameters[index]
            return LayerParameter(
                name: name, path: parameter.path, role: parameter.role, unitAxis: parameter.unitAxis,
                value: pass.parameter(index), index: index)
        }
    }

    /// Runs what is wrapped on the input; before and after a layer, returns the input.
    public func next() -> Tensor { run(input, [:]) }

    /// Runs what is wrapped on another input; before and after a layer, returns that input.
    public func next(_ input: Tensor) -> Tensor { run(input, [:]) }

    /// Runs what is wrapped with other values for some of its parameters.
    ///
    /// Replacements flow inward: the wrappers nearer to the layer, and the layer, see them as its parameters.
    ///
    /// - Parameters:
    ///   - input: the input.
    ///   - parameters: those of ``parameters`` whose ``LayerParameter/value`` was changed; gradients flow through the
    ///     new values. The layer uses its own for the others. A value of another shape, or parameters before or after a
    ///     layer, end the pass with an error that names the technique.
    public func next(_ input: Tensor, replacing parameters: [LayerParameter]) -> Tensor {
        if runNext == nil, !parameters.isEmpty {
            fail("replaced parameters, which can be done around a layer only: let its site be .around")
        }
        var replacements: [Int: Tensor] = [:]
        for parameter in parameters {
            let shape = node.tree.layout.parameters[parameter.index].shape
            guard parameter.value.shape == shape, parameter.value.scalarType == .float32 else {
                fail("replaced \"\(parameter.path)\" of shape \(shape) by a value of shape \(parameter.value.shape)")
                continue
            }
            replacements[parameter.index] = parameter.value
        }
        return run(input, replacements)
    }

    /// The same call with another way to run what is wrapped, such as one that also records it: for tests that watch a
    /// technique. Before and after a layer nothing is wrapped, and the call stays as it is.
    ///
    /// - Parameter body: given the input, and those of ``parameters`` that have other values, returns the output.
    public func replacingNext(
        _ body: @escaping (_ input: Tensor, _ replacements: [LayerParameter]) -> Tensor
    ) -> LayerCall {
        guard runNext != nil else { return self }
        return LayerCall(
            node: node, pass: pass, interceptor: interceptor, position: position, input: input
        ) {
            [parameters] input, replacements in
            body(input, parameters.compactMap { parameter in replacements[parameter.index].map(parameter.with) })
        }
    }

    private func run(_ input: Tensor, _ replacements: [Int: Tensor]) -> Tensor {
        guard let runNext else { return input }
        // What runs inside costs its own time, not that of the technique around it.
        return CostMeter.account(CostMeter.model, in: pass) { runNext(input, replacements) }
    }

    private func fail(_ problem: String) {
        pass.record.fail(interceptor.mistake(problem, at: siteDescription))
    }

    /// The site as it is written in code.
    var siteDescription: String {
        path.isEmpty ? Site(position: position, layers: .model).description : ".\(position.rawValue)(\"\(path)\")"
    }

    /// The shape and type that must continue from the site.
    var expected: (shape: Shape, type: ScalarType)? {
        position == .around ? node.output(for: input.shape) : (input.shape, input.scalarType)
    }
}

/// A parameter of a layer that a technique wraps.
public struct LayerParameter {
    /// Its name in the layer, such as `weight`, or `linear1.weight` in a layer of layers.
    public let name: String
    /// Its path, such as `encoder.linear1.weight`.
    public let path: String
    /// What it is for.
    public let role: ParameterRole
    /// The axis along which the layer's units are counted; nil if it has none.
    public let unitAxis: Int?
    /// Its value, through which gradients flow.
    public var value: Tensor
    let index: Int

    /// The parameter with another value, for ``LayerCall/next(_:replacing:)``.
    public func with(_ value: Tensor) -> LayerParameter {
        var parameter = self
        parameter.value = value
        return parameter
    }
}

/// The output of a layer that a penalty requested to see.
public struct Observation {
    /// The layer's path.
    public let path: String
    /// The layer's kind.
    public let kind: String
    /// Its output, as the next layer sees it.
    public let value: Tensor
    /// The techniques that requested it.
    let observers: [Int]
    /// The technique that returned the value at the place `path`, where everything is observed; nil for a layer's output.
    var technique: String?
}
