/// A mistake in what a technique returned from a hook, found where it was returned.
public struct TechniqueError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The technique's name.
    public let technique: String
    /// The hook.
    public let hook: Hook
    /// Where the hook was called: a layer, a stage, or nil where a hook has one place only.
    public let site: String?
    /// What is wrong with what it returned, with what was expected.
    public let problem: String

    /// Creates an error.
    ///
    /// - Parameters:
    ///   - technique: the technique's name.
    ///   - hook: the hook.
    ///   - site: where the hook was called, if it has several places.
    ///   - problem: what is wrong, with what was expected.
    init(_ technique: String, _ hook: Hook, at site: String? = nil, _ problem: String) {
        self.technique = technique
        self.hook = hook
        self.site = site
        self.problem = problem
    }

    /// The whole message: technique, hook, site and problem.
    public var description: String {
        "technique \"\(technique)\", hook \(hook.rawValue)\(site.map { " at \($0)" } ?? ""): \(problem)"
    }
}
