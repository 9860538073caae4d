/// A file that cannot be read or written: which file, where in it, what is wrong and what to do.
///
/// Every reader and writer of files in Ballast throws this type; `description` is one complete message:
///
/// ```
/// flowers.csv, line 3, column 2 ("petal"): "wide" is not a number. Correct the field, or ...
/// ```
public struct DataFileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The situation, for code that treats one of them specially.
    public enum Kind: Sendable, Hashable {
        /// The file cannot be opened or read (missing, a folder, no permission, a failing disk).
        case unreadable
        /// The file ends before its content does.
        case truncated
        /// The file holds more than its header announces, or more than the limit allows.
        case oversized
        /// The bytes do not follow the format.
        case malformed
        /// The bytes follow the format but use a part of it that is not read here.
        case unsupported
        /// A value cannot be represented, or is not allowed there.
        case outOfRange
        /// A stored checksum disagrees with the content.
        case checksum
        /// The file cannot be written (no space, no permission, no such folder).
        case unwritable
        /// The file cannot be downloaded.
        case download
    }

    /// The situation.
    public let kind: Kind
    /// The path (or address) of the file.
    public let file: String
    /// The place inside the file ("byte 16", "line 3, column 2", "element 7"), if there is one.
    public let location: String?
    /// What is wrong, with the values found and expected.
    public let problem: String
    /// What would be right, or what to do next.
    public let suggestion: String

    /// Creates an error.
    ///
    /// - Parameters:
    ///   - kind: The situation.
    ///   - file: The path of the file.
    ///   - location: The place inside the file, if there is one.
    ///   - problem: What is wrong, without a final period.
    ///   - suggestion: What to do, as a sentence.
    public init(_ kind: Kind, in file: String, at location: String? = nil, _ problem: String, suggestion: String) {
        self.kind = kind
        self.file = file
        self.location = location
        self.problem = problem
        self.suggestion = suggestion
    }

    /// The whole message: file, place, problem and suggestion.
    public var description: String {
        let place = location.map { "\(file), \($0)" } ?? file
        return "\(place): \(problem). \(suggestion)"
    }
}
