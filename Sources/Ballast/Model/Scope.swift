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
/// A scope belongs to one place of one run, and is valid during the call it is handed to.
public struct Scope {
    package let frame: Frame

    init(_ frame: Frame) { self.frame = frame }

    /// The path of this place, such as `encoder.linear1`; empty for the whole model.
    public var path: String { frame.path }

    /// What kind of pass this is.
    public var phase: Phase { frame.execution.phase }

    /// Whether this pass trains.
    public var isTraining: Bool { frame.execution.phase == .training }

    /// Returns a trainable parameter, creating it on the first pass.
    ///
    /// - Parameters:
    ///   - name: its name, unique in this scope; its path is the scope's path, a dot and this.
    ///   - shape: its shape, the same on every pass.
    ///   - initial: how it starts; the draws depend on (seed, path) alone.
    ///   - role: what it is for; by default `.bias` if it is named so, else `.weight`.
    public func parameter(
        _ name: String, _ shape: Shape, initial: @autoclosure () -> Initializer, role: ParameterRole? = nil
    ) -> Tensor {
        let frame = frame
        let index = frame.parameterIndex(name, shape, initial, role)
        let execution = frame.execution
        var tensor = execution.store.parameters[index].value
        guard tensor.shape == shape else {
            fail("parameter", "\"\(frame.variablePath(name))\" has shape \(tensor.shape) but was asked for as \(shape)")
        }
        if let tape = execution.tape { tensor = tape.leaf(index, tensor) }
        if let transform = frame.parameterTransform { return transform(name, tensor) }
        return tensor
    }

    /// Returns a variable that is not trained, such as a running statistic, creating it on the first pass.
    ///
    /// - Parameters:
    ///   - name: its name, unique in this scope.
    ///   - shape: its shape, the same on every pass.
    ///   - initial: how it starts.
    public func state(_ name: String, _ shape: Shape, initial: @autoclosure () -> Initializer) -> StateVariable {
        StateVariable(execution: frame.execution, index: frame.stateIndex(name, shape, initial))
    }

    /// Returns a number of double precision that is saved with the run, such as a best value so far.
    ///
    /// - Parameters:
    ///   - name: its name, unique in this scope.
    ///   - initial: its value before any is set.
    public func number(_ name: String, initial: Double) -> NumberVariable {
        NumberVariable(execution: frame.execution, index: frame.numberIndex(name, initial))
    }

    /// Returns a place for a copy of variables that is saved with the run, such as the best epoch's.
    public func snapshot(_ name: String) -> SnapshotVariable {
        SnapshotVariable(execution: frame.execution, path: frame.variablePath(name))
    }

    /// Runs a layer that is part of this one.
    ///
    /// - Parameters:
    ///   - layer: the layer.
    ///   - x: its input.
    ///   - name: its name in this scope; by default its kind and a number (`linear1`, `linear2`). Layers that not every
    ///     pass asks for, or not in the same order, need one.
    public func callAsFunction(_ layer: some Layer, _ x: Tensor, named name: String? = nil) -> Tensor {
        frame.child(of: layer, named: name).run(layer, x)
    }

    /// The random numbers of this place and step.
    ///
    /// - Parameter purpose: tells several streams of one place apart.
    public func random(_ purpose: String = "") -> RandomStream {
        let index = UInt64(truncatingIfNeeded: frame.execution.drawIndex)
        guard !purpose.isEmpty else { return frame.stream.at(index) }
        return RandomStream(seed: frame.execution.seed, purpose: frame.path + "#" + purpose).at(index)
    }
}

/// A variable of a run that is not trained.
public struct StateVariable {
    let execution: Execution
    let index: Int

    /// The current value. Setting it has no effect in a pass that must leave state alone (evaluation, or the second
    /// pass of sharpness-aware minimization).
    public var value: Tensor {
        get { execution.store.states[index].value }
        nonmutating set {
            guard execution.updatesState else { return }
            let old = execution.store.states[index]
            guard newValue.shape == old.value.shape else {
                fail("state", "\"\(old.path)\" has shape \(old.value.shape) and cannot become \(newValue.shape)")
            }
            execution.store.states[index].value = newValue.detached
        }
    }
}

/// A number of a run that is saved with it.
public struct NumberVariable {
    let execution: Execution
    let index: Int

    /// The current value.
    public var value: Double {
        get { execution.store.numbers[index].value }
        nonmutating set { if execution.updatesState { execution.store.numbers[index].value = newValue } }
    }
}

/// A place for a copy of a run's variables that is saved with the run.
public struct SnapshotVariable {
    let execution: Execution
    let path: String

    /// The copy; nil until one is made.
    public var value: Variables? {
        get { execution.store.snapshots[path] }
        nonmutating set { if execution.updatesState { execution.store.snapshots[path] = newValue } }
    }
}
