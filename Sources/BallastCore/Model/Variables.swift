public import Tensors

/// A copy of a run's variables: parameters and states by path, in the order in which the first pass made them.
///
/// Copies are cheap: memory is shared until one side changes.
public struct Variables {
    /// One variable.
    public struct Entry {
        /// Its path, such as `linear1.weight` or `BatchNorm/linear1.runningMean`.
        public let path: String
        /// What it is for; nil for one that is not trained.
        public let role: ParameterRole?
        /// Its value.
        public var value: Tensor

        /// Creates an entry.
        ///
        /// - Parameters:
        ///   - path: its path.
        ///   - role: what it is for; nil for one that is not trained.
        ///   - value: its value.
        public init(path: String, role: ParameterRole?, value: Tensor) {
            self.path = path
            self.role = role
            self.value = value
        }
    }

    /// The variables in order.
    public var entries: [Entry]

    /// Creates a collection of variables.
    public init(entries: [Entry] = []) { self.entries = entries }

    /// The value of the variable with a path; nil if there is none.
    public subscript(path: String) -> Tensor? {
        entries.first { $0.path == path }?.value
    }

    /// The trained ones.
    public var parameters: [Entry] { entries.filter { $0.role != nil } }

    /// The number of trained numbers.
    public var parameterCount: Int { parameters.reduce(0) { $0 + $1.value.elementCount } }

    /// Whether both hold the same variables in the same order: paths, roles, shapes and bits. The variables of a run
    /// that was resumed have the same bits as those of the run that was never stopped.
    public func hasSameBits(as other: Variables) -> Bool {
        entries.count == other.entries.count
            && zip(entries, other.entries).allSatisfy {
                $0.path == $1.path && $0.role == $1.role && $0.value.hasSameBits(as: $1.value)
            }
    }

    /// Returns the variables with each trained one replaced.
    public func mapParameters(_ transform: (Entry) -> Tensor) -> Variables {
        Variables(
            entries: entries.map { entry in
                guard entry.role != nil else { return entry }
                return Entry(path: entry.path, role: entry.role, value: transform(entry).detached)
            })
    }
}
