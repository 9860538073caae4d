internal import CKernels
public import Tensors

/// What a parameter is for; regularizers choose by it.
public enum ParameterRole: String, Sendable, Codable, CaseIterable {
    /// The weights of a layer: what is regularized by default.
    case weight
    /// An additive offset.
    case bias
    /// The scale or shift of a normalization.
    case normalization
}

/// Where a layer or technique finds its parameters, state, randomness and sub-layers during one pass.
///
/// A scope belongs to one place and one pass, and is valid during the call that it is handed to.
public struct Scope {
    package let node: ScopeNode
    let pass: Pass

    init(_ node: ScopeNode, _ pass: Pass) {
        self.node = node
        self.pass = pass
    }

    /// The path of this place, such as `encoder.linear1`; empty for the whole model.
    public var path: String { node.path }

    /// What kind of pass this is.
    public var phase: Phase { pass.phase }

    /// Whether this pass trains.
    public var isTraining: Bool { pass.phase == .training }

    /// The batch of a pass that re-estimates statistics (``EpochContext/refreshedStatistics(of:)``), counted from 0; nil
    /// in every other pass. Batch i has the weight 1 / (i + 1) in a mean over all of them.
    public var statisticsBatch: Int? { pass.statisticsBatch }

    /// Returns a trainable parameter, creating it on the first pass.
    ///
    /// - Parameters:
    ///   - name: its name, unique in this scope; its path is the scope's path, a dot and this.
    ///   - shape: its shape, the same on every pass.
    ///   - initial: its initial value; the draws depend on (seed, path) alone.
    ///   - role: what it is for; by default `.bias` if it is named so, else `.weight`.
    ///   - unitAxis: the axis along which the layer's units are counted (outputs, channels, tokens), for techniques that
    ///     act on each unit; nil if there is none.
    public func parameter(
        _ name: String, _ shape: Shape, initial: @autoclosure () -> Initializer, role: ParameterRole? = nil,
        unitAxis: Int? = nil
    ) -> Tensor {
        let index = node.parameterIndex(name, shape, initial, role, unitAxis, in: pass)
        let tensor = pass.parameter(index)
        guard tensor.shape == shape else {
            fail("parameter", "\"\(node.variablePath(name))\" has shape \(tensor.shape) but was requested as \(shape)")
        }
        return tensor
    }

    /// Returns a variable that is not trained, such as a running statistic, creating it on the first pass.
    ///
    /// - Parameters:
    ///   - name: its name, unique in this scope.
    ///   - shape: its shape, the same on every pass.
    ///   - initial: its initial value.
    public func state(_ name: String, _ shape: Shape, initial: @autoclosure () -> Initializer) -> StateVariable {
        StateVariable(pass: pass, index: node.stateIndex(name, shape, initial, in: pass), path: node.variablePath(name))
    }

    /// Returns a number of double precision that is saved with the run, such as a best value so far.
    ///
    /// - Parameters:
    ///   - name: its name, unique in this scope.
    ///   - initial: its value before any is set.
    public func number(_ name: String, initial: Double) -> NumberVariable {
        NumberVariable(pass: pass, index: node.numberIndex(name, initial, in: pass))
    }

    /// Returns a place for a copy of variables that is saved with the run.
    ///
    /// - Parameter name: its name, unique in this scope.
    public func snapshot(_ name: String) -> SnapshotVariable {
        SnapshotVariable(pass: pass, path: node.variablePath(name))
    }

    /// Runs a layer that is part of this one.
    ///
    /// - Parameters:
    ///   - layer: the layer; one with a name (``Layer/named(_:)``) keeps it.
    ///   - x: its input.
    ///   - name: its name in this scope; by default its own, or its kind and a number (`linear1`, `linear2`). Layers that
    ///     not every pass requests, or not in the same order, need one.
    public func callAsFunction(_ layer: some Layer, _ x: Tensor, named name: String? = nil) -> Tensor {
        if ObjectIdentifier(type(of: layer)) == ObjectIdentifier(NamedLayer.self), let named = layer as? NamedLayer {
            return self(named.base, x, named: name ?? named.name)
        }
        return node.child(of: layer, named: name, in: pass).run(layer, x, in: pass)
    }

    /// Declares that a layer takes integers below a limit, such as the tokens of a vocabulary.
    ///
    /// Where they are the model's input, data with other integers is refused before the first step.
    ///
    /// - Parameters:
    ///   - x: the integers that the layer takes.
    ///   - limit: the number of different integers; they count from 0.
    public func requireInput(_ x: Tensor, below limit: Int) {
        pass.record.trace?.note(x, takenBelow: limit, by: path)
    }

    /// The random numbers of this place and step; a further use of the place in one pass draws others.
    ///
    /// - Parameter purpose: distinguishes several streams of one place.
    public func random(_ purpose: String = "") -> RandomStream { pass.random(node, purpose) }
}

/// A variable of a run that is not trained.
public struct StateVariable {
    let pass: Pass
    let index: Int
    let path: String

    /// The current value. Setting it has no effect in a pass that must leave state alone (evaluation, or the second
    /// pass of sharpness-aware minimization). A value of another shape ends the step with an error that names the state.
    public var value: Tensor {
        get { pass.states.values[index] }
        nonmutating set {
            guard pass.writesState else { return }
            let shape = pass.states.values[index].shape
            guard newValue.shape == shape, newValue.scalarType == .float32 else { return mistake(newValue, shape) }
            pass.states.values[index] = newValue.detached
        }
    }

    /// Moves the value toward another one in place: value ← (1 − weight) value + weight · other.
    ///
    /// - Parameters:
    ///   - other: a tensor of the state's shape; one of another shape ends the step with an error.
    ///   - weight: the weight of `other`; 1 replaces the value.
    public func blend(_ other: Tensor, weight: Float) {
        guard pass.writesState else { return }
        let shape = pass.states.values[index].shape
        guard other.shape == shape, other.scalarType == .float32 else { return mistake(other, shape) }
        pass.states.values[index].blend(other, weight: weight)
    }

    /// Ends the pass with an error; the value stays.
    private func mistake(_ value: Tensor, _ shape: Shape) {
        pass.record.fail(
            DataError(
                "the state \"\(path)\" has shape \(shape) and cannot take \(value.scalarType) values of shape \(value.shape)"
            ))
    }
}

/// A number of a run that is saved with it.
public struct NumberVariable {
    let pass: Pass
    let index: Int

    /// The current value.
    public var value: Double {
        get { pass.states.numbers[index] }
        nonmutating set { if pass.writesState { pass.states.numbers[index] = newValue } }
    }
}

/// A place for a copy of a run's variables that is saved with the run.
public struct SnapshotVariable {
    let pass: Pass
    let path: String

    /// The copy; nil until one is made.
    public var value: Variables? {
        get { pass.states.snapshots[path] }
        nonmutating set { if pass.writesState { pass.states.snapshots[path] = newValue } }
    }
}

extension Tensor {
    /// value ← (1 − weight) value + weight · other, in the tensor's own memory.
    fileprivate mutating func blend(_ other: Tensor, weight: Float) {
        makeUnique()
        withExtendedLifetime(other) {
            ballast_affine(elementCount, storage.floats, 1 - weight, 0, false, storage.floats)
            ballast_affine(elementCount, other.storage.floats, weight, 0, true, storage.floats)
        }
    }
}
