/// Which parameters a technique acts on.
public enum ParameterSelector: Sendable, Hashable, CustomStringConvertible {
    /// Weights: no biases, no parameters of normalizations.
    case weights
    /// Every parameter.
    case all
    /// Parameters of a role.
    case role(ParameterRole)
    /// Parameters whose path, or whose layer's path, matches a pattern; `*` stands for any characters.
    case named(String)
    /// Parameters that one selector matches and the other does not.
    indirect case excluding(ParameterSelector, ParameterSelector)
    /// Parameters that both selectors match.
    indirect case both(ParameterSelector, ParameterSelector)

    /// Whether a parameter is selected.
    public func matches(path: String, role: ParameterRole) -> Bool {
        switch self {
        case .weights: role == .weight
        case .all: true
        case .role(let wanted): role == wanted
        case .named(let pattern):
            pathMatches(pattern, path)
                || pathMatches(pattern, String(path.prefix(upTo: path.lastIndex(of: ".") ?? path.startIndex)))
        case .excluding(let base, let other):
            base.matches(path: path, role: role) && !other.matches(path: path, role: role)
        case .both(let first, let second):
            first.matches(path: path, role: role) && second.matches(path: path, role: role)
        }
    }

    /// As it is written in code.
    public var description: String {
        switch self {
        case .weights: ".weights"
        case .all: ".all"
        case .role(let role): ".role(.\(role.rawValue))"
        case .named(let pattern): ".named(\"\(pattern)\")"
        case .excluding(let base, let other): ".excluding(\(base), \(other))"
        case .both(let first, let second): ".both(\(first), \(second))"
        }
    }
}

/// Which layers a site is at.
public enum LayerSelector: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// Every activation function.
    case activations
    /// Layers of a kind, such as `"linear"`.
    case kind(String)
    /// Layers whose path matches a pattern; `*` stands for any characters.
    case named(String)
    /// Every layer except the model as a whole.
    case every
    /// The model as a whole.
    case model

    /// Selects layers by path: `"encoder.*"`.
    public init(stringLiteral value: String) { self = .named(value) }

    func matches(_ node: ScopeNode) -> Bool {
        switch self {
        case .activations: node.isActivation
        case .kind(let kind): node.kind == kind
        case .named(let pattern): !node.path.isEmpty && pathMatches(pattern, node.path)
        case .every: !node.path.isEmpty
        case .model: node.path.isEmpty
        }
    }

    /// As it is written in code.
    public var description: String {
        switch self {
        case .activations: ".activations"
        case .kind(let kind): ".kind(\"\(kind)\")"
        case .named(let pattern): "\"\(pattern)\""
        case .every: ".every"
        case .model: ".model"
        }
    }
}

/// Where a technique acts in a model.
public struct Site: Sendable, Hashable, CustomStringConvertible {
    /// Where a technique acts with respect to a layer.
    public enum Position: String, Sendable, Hashable {
        /// It changes what flows into the layer.
        case before
        /// It runs the layer.
        case around
        /// It changes what flows out of the layer.
        case after
    }

    /// Where the technique acts with respect to the layers.
    public let position: Position
    /// The layers.
    public let layers: LayerSelector

    /// What enters the model.
    public static var input: Site { before(.model) }
    /// What leaves the model.
    public static var output: Site { after(.model) }
    /// What flows into the selected layers.
    public static func before(_ layers: LayerSelector) -> Site { Site(position: .before, layers: layers) }
    /// The call of the selected layers.
    public static func around(_ layers: LayerSelector) -> Site { Site(position: .around, layers: layers) }
    /// What flows out of the selected layers.
    public static func after(_ layers: LayerSelector) -> Site { Site(position: .after, layers: layers) }

    func position(at node: ScopeNode) -> Position? { layers.matches(node) ? position : nil }

    /// As it is written in code.
    public var description: String {
        switch (position, layers) {
        case (.before, .model): ".input"
        case (.after, .model): ".output"
        default: ".\(position.rawValue)(\(layers))"
        }
    }
}

/// Whether a path matches a pattern in which `*` stands for any characters.
func pathMatches(_ pattern: String, _ path: String) -> Bool {
    let pattern = Array(pattern.utf8)
    let path = Array(path.utf8)
    var (p, s, star, mark) = (0, 0, -1, 0)
    while s < path.count {
        if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
            (star, mark) = (p, s)
            p += 1
        } else if p < pattern.count, pattern[p] == path[s] {
            p += 1
            s += 1
        } else if star >= 0 {
            mark += 1
            (p, s) = (star + 1, mark)
        } else {
            return false
        }
    }
    while p < pattern.count, pattern[p] == UInt8(ascii: "*") { p += 1 }
    return p == pattern.count
}
