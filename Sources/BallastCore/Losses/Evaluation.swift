/// A number with a name.
public struct NamedValue: Sendable, Hashable, Codable {
    /// The name.
    public let name: String
    /// The number.
    public let value: Double

    /// Creates a named number.
    ///
    /// - Parameters:
    ///   - name: the name.
    ///   - value: the number.
    public init(_ name: String, _ value: Double) {
        self.name = name
        self.value = value
    }
}

/// What a model achieves on data, in evaluation.
public struct Evaluation: Sendable, Hashable, Codable {
    /// The mean loss, without penalties.
    public let loss: Double
    /// The metrics.
    public let metrics: [NamedValue]

    /// A metric by name.
    public subscript(name: String) -> Double? { metrics.first { $0.name == name }?.value }
}
