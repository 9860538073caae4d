internal import Foundation

/// A text that equals another only where every byte does.
///
/// Swift compares and hashes strings by canonical equivalence. For names from a file that has two faults: a run of
/// combining marks takes time that grows with the square of its length, and two names of different bytes can be equal.
package struct ExactText: Sendable, Hashable, ExpressibleByStringLiteral {
    package let text: String

    package init(_ text: String) { self.text = text }

    package init(stringLiteral text: String) { self.text = text }

    private func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        var text = text
        return text.withUTF8(body)
    }

    package static func == (first: ExactText, second: ExactText) -> Bool {
        first.withBytes { first in
            second.withBytes { second in
                guard first.count == second.count else { return false }
                guard let start = first.baseAddress, let other = second.baseAddress else { return true }
                return memcmp(start, other, first.count) == 0
            }
        }
    }

    package func hash(into hasher: inout Hasher) {
        withBytes { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }

    /// The order of the bytes, which is that of the Unicode scalars.
    package static func precedes(_ first: String, _ second: String) -> Bool {
        first.utf8.lexicographicallyPrecedes(second.utf8)
    }
}

extension String {
    /// The text for a message: its first 80 Unicode scalars.
    ///
    /// Not its first characters: with combining marks, one character can be as long as the file.
    package var abbreviated: String {
        let scalars = unicodeScalars
        guard let end = scalars.index(scalars.startIndex, offsetBy: 80, limitedBy: scalars.endIndex),
            end < scalars.endIndex
        else { return self }
        return String(scalars[..<end]) + "..."
    }

    /// The most bytes that a text may have to become the key of a dictionary of strings, where it is not ASCII.
    package static let maximumKeyBytes = 512

    /// Whether the text may become the key of a dictionary of strings: hashing it takes less than a millisecond.
    package var isCheapKey: Bool { utf8.count <= Self.maximumKeyBytes || utf8.allSatisfy { $0 < 0x80 } }
}
