/// The techniques of a run, in order.
///
/// ```swift
/// let composition = Composition {
///     L2(1e-4)
///     Dropout(0.3, at: .after(.activations))
///     EarlyStopping(patience: 5)
/// }
/// ```
///
/// The order matters: penalties add up; batches and the data at one site flow through the list from top to bottom;
/// gradient transforms act from top to bottom, stage by stage; callbacks are called from top to bottom. A composition
/// is a value, and serves any number of runs.
public struct Composition: Sendable {
    /// The techniques in order.
    public let techniques: [any Technique]

    /// Creates a composition.
    public init(@CompositionBuilder _ techniques: () -> [any Technique]) { self.init(techniques()) }

    /// Creates a composition; by default an empty one.
    public init(_ techniques: [any Technique] = []) { self.techniques = techniques }

    /// The composition without the techniques of some names.
    public func without(_ names: String...) -> Composition {
        Composition(techniques.filter { !names.contains($0.name) })
    }

    /// The composition with only the techniques of some names.
    public func only(_ names: String...) -> Composition {
        Composition(techniques.filter { names.contains($0.name) })
    }

    /// The techniques of both, those of the first before those of the second.
    public static func + (first: Composition, second: Composition) -> Composition {
        Composition(first.techniques + second.techniques)
    }

    /// The hooks that a technique conforms to.
    public static func hooks(of technique: any Technique) -> [Hook] { HookTable([technique]).hooks(of: 0) }
}

/// Collects the techniques of a composition.
@resultBuilder
public enum CompositionBuilder {
    /// One technique.
    public static func buildExpression(_ technique: any Technique) -> [any Technique] { [technique] }
    /// Several techniques.
    public static func buildExpression(_ techniques: [any Technique]) -> [any Technique] { techniques }
    /// The techniques of another composition.
    public static func buildExpression(_ composition: Composition) -> [any Technique] { composition.techniques }
    /// All techniques of a block.
    public static func buildBlock(_ parts: [any Technique]...) -> [any Technique] { parts.flatMap { $0 } }
    /// Techniques of a condition.
    public static func buildOptional(_ part: [any Technique]?) -> [any Technique] { part ?? [] }
    /// Techniques of the first branch.
    public static func buildEither(first part: [any Technique]) -> [any Technique] { part }
    /// Techniques of the second branch.
    public static func buildEither(second part: [any Technique]) -> [any Technique] { part }
    /// Techniques of a loop.
    public static func buildArray(_ parts: [[any Technique]]) -> [any Technique] { parts.flatMap { $0 } }
}
